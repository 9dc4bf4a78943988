"""Production resources, a real Postgres, a loopback webhook, and an instance of Dagster."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ige_pipeline_tests.dagster_instances import (
    instance_at,
    surroundings,
)
from ige_pipeline_tests.delivery.loopback import Receiver, receiving


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with instance_at(tmp_path_factory.mktemp("dagster")) as opened:
        yield opened


@pytest.fixture(scope="module")
def in_memory() -> Iterator[dg.DagsterInstance]:
    """An instance for the tests that need no disk: a run takes half the time."""
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


@pytest.fixture(autouse=True)
def production(monkeypatch: pytest.MonkeyPatch, database_url: str, receiver: Receiver, tmp_path: Path) -> None:
    """Let the production resources find the test's database and webhook, and no settings file."""
    monkeypatch.chdir(tmp_path)
    for name, value in surroundings(database_url, receiver.url).items():
        monkeypatch.setenv(name, value)
