"""The spend limits hold over all runs, whichever way they overlap."""

import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.ledger import spend
from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import connect
from ige_pipeline_tests.factories import make_batch

Conn = psycopg.Connection[DictRow]


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


def take(conn: Conn, batch: Batch, needed: str, wanted: str | None = None, **limits: str) -> tuple[Decimal, str]:
    sums = {"per_batch": "5", "per_day": "20", "needed": needed, "wanted": wanted or needed} | limits
    given: dict[str, Any] = {name: Decimal(usd) for name, usd in sums.items()}
    return spend.take(conn, batch, **given)


def test_a_batch_takes_what_it_wants_until_its_limit_leaves_less_than_it_needs(conn: Conn) -> None:
    batch = make_batch(conn)

    assert take(conn, batch, "1", "3") == (Decimal(3), "")
    assert take(conn, batch, "1", "3") == (Decimal(2), "")
    assert take(conn, batch, "1", "3") == (Decimal(0), "spend_per_batch")
    assert spend.taken(conn, batch) == (Decimal(5), Decimal(5))


def test_other_batches_of_the_day_count_towards_its_limit(conn: Conn) -> None:
    for _ in range(2):
        take(conn, make_batch(conn), "5")

    batch = make_batch(conn)

    assert take(conn, batch, "3", per_day="12") == (Decimal(0), "spend_per_day")
    assert take(conn, batch, "2", per_day="12") == (Decimal(2), "")
    assert spend.taken(conn, batch) == (Decimal(2), Decimal(12))


def test_what_was_not_needed_is_given_back(conn: Conn) -> None:
    batch = make_batch(conn)
    take(conn, batch, "5")

    spend.give_back(conn, batch, Decimal("4.5"))

    assert take(conn, batch, "4.5") == (Decimal("4.5"), "")


def test_yesterday_does_not_count_towards_today_but_towards_a_batch_that_lasts_beyond_midnight(conn: Conn) -> None:
    batch = make_batch(conn)
    take(conn, batch, "4")
    conn.execute("UPDATE ige_model_spend SET day = day - 1")

    assert spend.taken(conn, batch) == (Decimal(4), Decimal(0))
    assert take(conn, batch, "2") == (Decimal(0), "spend_per_batch")
    assert take(conn, make_batch(conn), "5", per_day="5") == (Decimal(5), "")


def test_what_was_taken_before_midnight_is_given_back_to_that_day(conn: Conn) -> None:
    batch = make_batch(conn)
    take(conn, batch, "4")
    conn.execute("UPDATE ige_model_spend SET day = day - 1")

    spend.give_back(conn, batch, Decimal(3))

    assert spend.taken(conn, batch) == (Decimal(1), Decimal(0))


def test_runs_that_overlap_do_not_overshoot_together(database_url: str) -> None:
    granted: list[Decimal] = []
    together = threading.Barrier(4)

    def run() -> None:
        with connect(database_url) as own:
            batch = make_batch(own)
            together.wait(timeout=30)
            granted.extend(take(own, batch, "0.7", "0.9", per_day="10")[0] for _ in range(6))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert len(granted) == 24
    assert Decimal("9.3") < sum(granted) <= 10
