"""A month of Dagster's history, simulated from two real runs, and what housekeeping leaves of it: `make month`.

One delivery run that finds nothing and one batch are run for real on the production storage; their rows are copied,
with ids and times of their own, for each of a month's 288 delivery runs and 24 batches a day. Needs 1 GB for a minute.
"""

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg
import psycopg

from ige_pipeline.housekeeping.dagster_history import prune
from ige_pipeline.postgres import embedded
from ige_pipeline.postgres.migrate import migrate
from ige_pipeline.settings import Settings
from ige_pipeline_tests.dagster_instances import DELIVER, ROOT, SCHEDULE, instance_at, run_job, surroundings, this_hour

DAYS = 30
A_DAY = {DELIVER: 288, SCHEDULE: 24}

COPY_RUNS = """
INSERT INTO runs (run_id, snapshot_id, pipeline_name, mode, status, run_body, partition, partition_set,
                  create_timestamp, update_timestamp, start_time, end_time)
SELECT format('%%s-%%s', left(run_id, 28), n), snapshot_id, pipeline_name, mode, status,
       replace(run_body, run_id, format('%%s-%%s', left(run_id, 28), n)), partition, partition_set,
       create_timestamp - n * %(apart)s::interval, update_timestamp - n * %(apart)s::interval,
       start_time - n * extract(epoch FROM %(apart)s::interval), end_time - n * extract(epoch FROM %(apart)s::interval)
  FROM runs, generate_series(1, %(copies)s) AS n
 WHERE run_id = %(run_id)s"""
COPY_TAGS = """
INSERT INTO run_tags (run_id, key, value)
SELECT format('%%s-%%s', left(run_id, 28), n), key, value
  FROM run_tags, generate_series(1, %(copies)s) AS n
 WHERE run_id = %(run_id)s"""
COPY_EVENTS = """
INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
SELECT format('%%s-%%s', left(run_id, 28), n), replace(event, run_id, format('%%s-%%s', left(run_id, 28), n)),
       dagster_event_type, timestamp - n * %(apart)s::interval, step_key, asset_key, partition
  FROM event_logs, generate_series(1, %(copies)s) AS n
 WHERE run_id = %(run_id)s"""


def main() -> None:
    """Simulate, prune, and print sizes."""
    with tempfile.TemporaryDirectory() as folder:
        server = Path(folder) / "postgres"
        url = embedded.ensure_running(server, idle_stop=timedelta(minutes=10), durable=False)
        try:
            _month(Path(folder), url)
        finally:
            embedded.discard(server)


def _month(folder: Path, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE DATABASE dagster")
    migrate(url)
    storage = urlsplit(url)._replace(path="/dagster").geturl()
    os.environ.update(surroundings(url, "http://127.0.0.1:9/"), DAGSTER_POSTGRES_URL=storage)
    os.chdir(folder)
    with instance_at(folder / "home", ROOT / "deploy" / "dagster.yaml") as instance:
        real = {name: _run(instance, name) for name in A_DAY}
        with psycopg.connect(storage, autocommit=True) as conn:
            _told(conn, "Two real runs")
            for name, a_day in A_DAY.items():
                values = {"run_id": real[name], "copies": a_day * DAYS, "apart": timedelta(days=1) / a_day}
                for statement in (COPY_RUNS, COPY_TAGS, COPY_EVENTS):
                    conn.execute(statement.encode(), values)
            _told(conn, f"{DAYS} days without housekeeping")
            gone = prune(instance, before=datetime.now(UTC) - timedelta(days=Settings().keep_runs_days))
            print("Gone:", gone)  # noqa: T201 - it is what this is for
            _told(conn, f"{DAYS} days, runs kept for {Settings().keep_runs_days}")


def _run(instance: dg.DagsterInstance, name: str) -> str:
    result = run_job(name, instance, partition=this_hour() if name == SCHEDULE else None)
    assert result.success
    return result.run_id


def _told(conn: psycopg.Connection, title: str) -> None:
    conn.execute("VACUUM FULL")
    counts = [conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() for table in ("runs", "event_logs")]  # noqa: S608 - our own names
    size = conn.execute("SELECT pg_database_size(current_database()) / 1e6").fetchone()
    assert size is not None
    runs, events = (count[0] for count in counts if count is not None)
    print(f"{title}: {runs:,} runs, {events:,} events, {size[0]:,.1f} MB")  # noqa: T201 - as above


if __name__ == "__main__":
    main()
