"""One database for all tests of the console in a module: each leaves it as it found it."""

from collections.abc import Iterator

import pytest

from ige_pipeline.console.desk import Desk
from ige_pipeline_tests.console.desks import Person, enter, make_desk
from ige_pipeline_tests.factories import Conn


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    """A connection whose changes are undone."""
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


@pytest.fixture
def desk(conn: Conn) -> Desk:
    """A console over it."""
    return make_desk(conn)


@pytest.fixture
def viewer(desk: Desk) -> Person:
    """Somebody who may only look."""
    return enter(desk, "viewer")


@pytest.fixture
def operator(desk: Desk) -> Person:
    """Somebody who may change things."""
    return enter(desk, "operator")


@pytest.fixture
def admin(desk: Desk) -> Person:
    """Somebody who sees numbers, too."""
    return enter(desk, "admin")
