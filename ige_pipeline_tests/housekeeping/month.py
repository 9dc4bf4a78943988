"""Months of Dagster's history, simulated from real runs, and what housekeeping leaves of them: `make month`.

Each job is run for real on the production storage, the checks report once, and each sensor and schedule ticks once;
their rows are copied, with ids, times and hours of their own, as often as they come in so many days. The delivery run
that is copied sent twenty messages of two hours, as one does that is never idle. Needs 2 GB for some minutes.
"""

import os
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import psycopg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickData, TickStatus

from ige_pipeline.housekeeping.dagster_history import prune
from ige_pipeline.postgres import embedded
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline.postgres.migrate import migrate
from ige_pipeline.settings import Settings
from ige_pipeline.watch.figures import read
from ige_pipeline.watch.judge import CHECKS, judge
from ige_pipeline.watch.ops import evaluation
from ige_pipeline_tests.dagster_instances import (
    DELIVER,
    ROOT,
    SCHEDULE,
    due_person,
    instance_at,
    run_job,
    surroundings,
    this_hour,
)
from ige_pipeline_tests.delivery.loopback import receiving

# Run in the opposite order: a batch comes before its delivery.
A_DAY = {DELIVER: 288, SCHEDULE: 24, "track_outcomes_job": 24, "housekeep_job": 1}
# A delivery run posts `max_messages_per_run`, 20.
EACH_HOUR = 10
# At least every quarter of an hour, and when they change.
CHECKS_A_DAY = 96
# (name, ticks a day, days that Dagster keeps them: `retention` in dagster.yaml)
TICKS = (
    ("unsent_messages_sensor", 2880, 2),
    ("due_messages_sensor", 2880, 2),
    ("checks_sensor", 1440, 2),
    ("alert_on_failure", 2880, 2),
    ("deliver_messages_every_5_minutes", 288, 30),
    ("schedule_messages_hourly", 24, 30),
    ("track_outcomes_hourly", 24, 30),
    ("housekeep_daily", 1, 30),
)

COPY_RUNS = """
INSERT INTO runs (run_id, snapshot_id, pipeline_name, mode, status, run_body, partition, partition_set,
                  create_timestamp, update_timestamp, start_time, end_time)
SELECT format('%%s-%%s', left(run_id, 26), n), snapshot_id, pipeline_name, mode, status,
       replace(run_body, run_id, format('%%s-%%s', left(run_id, 26), n)), partition, partition_set,
       create_timestamp - n * %(apart)s::interval, update_timestamp - n * %(apart)s::interval,
       start_time - n * extract(epoch FROM %(apart)s::interval), end_time - n * extract(epoch FROM %(apart)s::interval)
  FROM runs, generate_series(%(first)s::int, %(last)s::int) AS n
 WHERE run_id = %(run_id)s"""
COPY_TAGS = """
INSERT INTO run_tags (run_id, key, value)
SELECT format('%%s-%%s', left(run_id, 26), n), key, value
  FROM run_tags, generate_series(%(first)s::int, %(last)s::int) AS n
 WHERE run_id = %(run_id)s"""
COPY_EVENTS = """
INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
SELECT format('%%s-%%s', left(run_id, 26), n), replace(event, run_id, format('%%s-%%s', left(run_id, 26), n)),
       dagster_event_type, timestamp - n * %(apart)s::interval, step_key, asset_key,
       -- The hour that a run reported to lies as far back as the run.
       to_char(date_trunc('hour', to_timestamp(partition, 'YYYY-MM-DD-HH24:MI') - n * %(apart)s::interval),
               'YYYY-MM-DD-HH24:MI')
  FROM event_logs, generate_series(%(first)s::int, %(last)s::int) AS n
 WHERE run_id = %(run_id)s"""
COPY_CHECK_EVENTS = """
INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
SELECT run_id, event, dagster_event_type, timestamp - n * %(apart)s::interval, step_key, asset_key, partition
  FROM event_logs, generate_series(%(first)s::int, %(last)s::int) AS n
 WHERE id = ANY (%(events)s)"""
COPY_CHECKS = """
INSERT INTO asset_check_executions (asset_key, check_name, partition, run_id, execution_status, evaluation_event,
                                    evaluation_event_timestamp, evaluation_event_storage_id, create_timestamp)
SELECT asset_key, check_name, partition, run_id, execution_status, evaluation_event,
       evaluation_event_timestamp - n * %(apart)s::interval, evaluation_event_storage_id,
       create_timestamp - n * %(apart)s::interval
  FROM asset_check_executions, generate_series(%(first)s::int, %(last)s::int) AS n
 WHERE id = ANY (%(checks)s)"""
COPY_TICKS = """
INSERT INTO job_ticks (job_origin_id, selector_id, status, type, timestamp, tick_body)
SELECT job_origin_id, selector_id, status, type, timestamp - n * %(apart)s::interval, tick_body
  FROM job_ticks, generate_series(%(first)s::int, %(last)s::int) AS n
 WHERE selector_id = %(selector_id)s AND id = (SELECT max(id) FROM job_ticks WHERE selector_id = %(selector_id)s)"""


def main() -> None:
    """Simulate, prune, and print sizes."""
    with tempfile.TemporaryDirectory() as folder:
        server = Path(folder) / "postgres"
        url = embedded.ensure_running(server, idle_stop=timedelta(minutes=10), durable=False)
        try:
            _months(Path(folder), url)
        finally:
            embedded.discard(server)


def _months(folder: Path, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE DATABASE dagster")
    migrate(url)
    storage = urlsplit(url)._replace(path="/dagster").geturl()
    os.chdir(folder)
    with receiving() as webhook, ExitStack() as opened:
        os.environ.update(surroundings(url, webhook.url), DAGSTER_POSTGRES_URL=storage)
        instance = opened.enter_context(instance_at(folder / "home", ROOT / "deploy" / "dagster.yaml"))
        _batch_of_the_last_hour(instance, url)
        real = {name: _run(instance, name) for name in reversed(A_DAY)}
        # Of both hours, then.
        assert len(webhook.posts) > EACH_HOUR
        _report(instance, url)
        with psycopg.connect(storage, autocommit=True) as conn:
            known = _known(conn)
            _told(conn, "A run of each job, a result of each check, a tick of each sensor and schedule")
            for first_day, last_day in ((0, 30), (30, 60)):
                _fill(conn, real, known, first_day, last_day)
                _told(conn, f"{last_day} days, before tonight's housekeeping")
                gone = prune(instance, before=datetime.now(UTC) - timedelta(days=Settings().keep_runs_days))
                _purge(instance)
                print("Gone:", gone)  # noqa: T201 - it is what this is for
                _told(conn, f"{last_day} days, runs kept for {Settings().keep_runs_days}")


def _batch_of_the_last_hour(instance: dg.DagsterInstance, url: str) -> None:
    """Let a batch lie an hour back, so that the delivery run finds messages of two, and people for the next one."""
    with connect(url) as conn:
        _people(conn)
        assert run_job(SCHEDULE, instance).success
        conn.execute("UPDATE ige_batches SET batch_hour = batch_hour - interval '1 hour'")
        _people(conn)


def _people(conn: Connection) -> None:
    for _ in range(EACH_HOUR):
        due_person(conn)


def _fill(conn: psycopg.Connection, real: dict[str, str], known: dict[str, Any], first: int, last: int) -> None:
    """Copy what comes on the days from `first` to `last`, counted back from now."""
    for name, a_day in A_DAY.items():
        for statement in (COPY_RUNS, COPY_TAGS, COPY_EVENTS):
            _copy(conn, statement, a_day, first, last, run_id=real[name])
    for statement in (COPY_CHECK_EVENTS, COPY_CHECKS):
        _copy(conn, statement, CHECKS_A_DAY, first, last, **known)
    for name, a_day, _ in TICKS:
        _copy(conn, COPY_TICKS, a_day, first, last, selector_id=name)


def _copy(conn: psycopg.Connection, statement: str, a_day: int, first: int, last: int, **more: Any) -> None:
    days = {"first": first * a_day + 1, "last": last * a_day, "apart": timedelta(days=1) / a_day}
    conn.execute(statement.encode(), days | more)


def _run(instance: dg.DagsterInstance, name: str) -> str:
    result = run_job(name, instance, partition=this_hour() if name == SCHEDULE else None)
    assert result.success
    return result.run_id


def _report(instance: dg.DagsterInstance, url: str) -> None:
    """Do once what the sensors do: report each check, and tick."""
    with connect(url) as conn:
        judged = judge(read(conn), Settings())
    for check in CHECKS:
        instance.report_runless_asset_event(evaluation(check, judged[check.name]))
    for name, _, _ in TICKS:
        kind = InstigatorType.SENSOR if name.endswith(("sensor", "failure")) else InstigatorType.SCHEDULE
        at = datetime.now(UTC).timestamp()
        tick = TickData(name, name, kind, TickStatus.SKIPPED, at, skip_reason="Nothing is due.", selector_id=name)
        instance.create_tick(tick)


def _known(conn: psycopg.Connection) -> dict[str, Any]:
    """Return which rows are the reports of the checks."""
    events = conn.execute("SELECT id FROM event_logs WHERE dagster_event_type = 'ASSET_CHECK_EVALUATION'").fetchall()
    checks = conn.execute("SELECT id FROM asset_check_executions").fetchall()
    return {"events": [row[0] for row in events], "checks": [row[0] for row in checks]}


def _purge(instance: dg.DagsterInstance) -> None:
    """Do what Dagster's daemon does every day by `retention`."""
    for name, _, days in TICKS:
        before = (datetime.now(UTC) - timedelta(days=days)).timestamp()
        instance.purge_ticks(name, name, before=before, tick_statuses=[TickStatus.SKIPPED])


def _told(conn: psycopg.Connection, title: str) -> None:
    conn.execute("VACUUM FULL")
    tables = ("runs", "event_logs", "asset_check_executions", "job_ticks")
    counts = [conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() for table in tables]  # noqa: S608 - our own names
    size = conn.execute("SELECT pg_database_size(current_database()) / 1e6").fetchone()
    assert size is not None
    runs, events, checks, ticks = (count[0] for count in counts if count is not None)
    print(  # noqa: T201 - as above
        f"{title}:\n  {runs:,} runs, {events:,} events, {checks:,} check results, {ticks:,} ticks, {size[0]:,.1f} MB"
    )


if __name__ == "__main__":
    main()
