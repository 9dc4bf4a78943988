"""The nightly job over Dagster's production storage: what it takes away, and that a dry run takes nothing."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from ige_pipeline.housekeeping.dagster_history import prune
from ige_pipeline.postgres.connection import Connection
from ige_pipeline_tests.dagster_instances import ROOT, instance_at, run_job, surroundings
from ige_pipeline_tests.factories import ago, make_batch, make_decision

NIGHTLY = "housekeep_job"


@pytest.fixture
def instance(
    database_url: str, empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    here = surroundings(database_url, "http://127.0.0.1:9/nobody") | {"DAGSTER_POSTGRES_URL": empty_database_url}
    for name, value in here.items():
        monkeypatch.setenv(name, value)
    with instance_at(tmp_path / "home", ROOT / "deploy" / "dagster.yaml") as opened:
        yield opened


def test_each_night_takes_away_what_is_older_than_it_is_kept_and_a_dry_run_nothing(
    conn: Connection, instance: dg.DagsterInstance, empty_database_url: str
) -> None:
    day = ago(days=100).date()
    conn.execute("SELECT ige_prepare_decisions(%s)", [day])
    make_decision(conn, make_batch(conn), 1, decided_on=day)
    old = run_job(NIGHTLY, instance, dry_run=True)
    grow_old(empty_database_url, days=15)

    dry = run_job(NIGHTLY, instance, dry_run=True)
    untouched = decisions(conn)
    kept_longer = run_job(NIGHTLY, instance, keep_runs_days=16, keep_decisions_days=101)
    still_there = {run.run_id for run in instance.get_runs()}
    done = run_job(NIGHTLY, instance)

    assert all(each.success for each in (old, dry, kept_longer, done))
    assert (untouched, decisions(conn)) == (1, 0)
    assert old.run_id in still_there
    assert {run.run_id for run in instance.get_runs()} == {dry.run_id, kept_longer.run_id, done.run_id}


def test_what_is_gone_is_not_looked_for_again(
    instance: dg.DagsterInstance, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_job(NIGHTLY, instance, dry_run=True)
    with psycopg.connect(empty_database_url, autocommit=True) as storage:
        storage.execute("INSERT INTO run_tags (run_id, key, value) SELECT run_id, 'dagster/partition', 'x' FROM runs")
    instance.add_run_tags(next(iter(instance.get_runs())).run_id, {"dagster/partition": "2026-01-01-00:00"})
    grow_old(empty_database_url, days=1)
    dropped = list[object]()
    monkeypatch.setattr(instance.compute_log_manager, "delete_logs", lambda **asked: dropped.append(asked))

    prune(instance, before=ago())
    assert len(dropped) == 1
    prune(instance, before=ago())

    assert len(dropped) == 1
    assert len(instance.get_runs()) == 1, "A partition's run is kept."


def grow_old(url: str, *, days: int) -> None:
    """Let everything that Dagster knows lie so many days back."""
    with psycopg.connect(url, autocommit=True) as storage:
        storage.execute(
            "UPDATE runs SET create_timestamp = create_timestamp - make_interval(days => %(d)s), "
            "update_timestamp = update_timestamp - make_interval(days => %(d)s)", {"d": days},
        )  # fmt: skip
        storage.execute("UPDATE event_logs SET timestamp = timestamp - make_interval(days => %s)", [days])


def decisions(conn: Connection) -> int:
    row = conn.execute("SELECT count(*) AS decisions FROM ige_decisions").fetchone()
    return int((row or {})["decisions"])
