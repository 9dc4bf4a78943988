"""A large batch on two real Celery workers and a real Redis: `make test-celery`."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ige_pipeline.definitions import of_surroundings
from ige_pipeline.postgres.connection import Connection
from ige_pipeline_tests.dagster_instances import (
    SCHEDULE,
    decisions_of,
    due_person,
    instance_at,
    run_job,
    surroundings,
)
from ige_pipeline_tests.deploy.compose_file import command_of
from ige_pipeline_tests.processes import REDIS, broker, running, until_said

pytest.importorskip("dagster_celery")
pytestmark = pytest.mark.skipif(not REDIS, reason="there is no redis-server on PATH")


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    with broker(tmp_path) as url:
        yield url


def celery_job() -> dg.JobDefinition:
    return of_surroundings().resolve_job_def(SCHEDULE)


# Dagster makes Celery's task anew for each step, of which Celery 5.7 warns.
@pytest.mark.filterwarnings("ignore:Task name 'execute_plan' is already registered")
def test_the_shards_of_a_batch_run_on_celery_and_decide_what_one_process_does(
    conn: Connection, database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = surroundings(database_url, "http://127.0.0.1:9/nobody") | {
        "IGE_CELERY_URL": redis_url,
        "IGE_EXECUTOR": "celery",
    }
    for name, value in here.items():
        monkeypatch.setenv(name, value)
    people = [due_person(conn, phone=None if number == 2 else f"+1212555{1000 + number}") for number in range(6)]
    log = tmp_path / "worker.log"
    config = {"resources": {"request": {"config": {"dry_run": True, "shard_size": 2}}}}

    with instance_at(tmp_path / "home") as instance, running(worker(), log, os.environ):
        until_said("ready.", log)
        alone = run_job(SCHEDULE, instance, dry_run=True)
        with dg.execute_job(dg.reconstructable(celery_job), instance, run_config=config) as spread:
            shards = [event.step_key for event in spread.all_events if event.is_step_success and event.step_key]

    assert alone.success
    assert spread.success
    assert len([step for step in shards if step.startswith("screen_recipients_shard[")]) == 3
    assert log.read_text().count("succeeded in") == len(shards)
    assert decisions_of(conn, spread.run_id) == decisions_of(conn, alone.run_id)
    assert len(decisions_of(conn, spread.run_id)) == len(people)


def worker() -> list[str]:
    """The words of deploy/compose.yaml, and more said."""
    return [sys.executable, "-m", *command_of("worker"), "--loglevel", "info"]
