"""How long a message waits from the outbox to the webhook, and how long a start takes: `make latency`.

`ige up` runs as an operator would start it, over a server and a webhook of this program's own. Messages come one by one
at random moments, three seconds apart on average, so that none falls in step with the sensor: some ten minutes.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from ige_pipeline.postgres import embedded
from ige_pipeline.postgres.migrate import migrate
from ige_pipeline_tests.cli.people import make_awake_contractor
from ige_pipeline_tests.dagster_instances import surroundings
from ige_pipeline_tests.delivery.loopback import receiving
from ige_pipeline_tests.factories import Conn, make_message

MESSAGES = int(os.environ.get("MESSAGES", "200"))
APART_S = 3.0
PATIENCE_S = 180.0
WAITED = """
SELECT count(*) AS messages,
       percentile_cont(ARRAY[0, 0.5, 0.95, 1]) WITHIN GROUP (
           ORDER BY EXTRACT(EPOCH FROM a.posted_at - m.created_at::timestamptz)) AS seconds
  FROM ai_proactive_messages m
  JOIN ige_delivery_attempts a ON a.message_id = m.id AND a.outcome = 'Delivered'
 WHERE m.id > %s"""


def main() -> None:
    """Put messages into the outbox and print how long they waited."""
    with tempfile.TemporaryDirectory() as folder, receiving() as webhook:
        server = Path(folder) / "postgres"
        url = embedded.ensure_running(server, idle_stop=timedelta(minutes=30), durable=False)
        try:
            migrate(url)
            with _up(Path(folder), surroundings(url, webhook.url)) as began, _open(url) as conn:
                first = make_message(conn, make_awake_contractor(conn))
                started = _start_up(Path(folder), conn, began)
                told = _measure(conn, first)
        finally:
            embedded.discard(server)
    print(started)  # noqa: T201 - it is what this is for
    least, half, most_of_them, most = told["seconds"]
    print(  # noqa: T201 - it is what this is for
        f"{told['messages']} messages: p50 {half:.1f} s, p95 {most_of_them:.1f} s, {least:.1f} to {most:.1f} s"
    )


def _open(url: str) -> Conn:
    return psycopg.connect(url, autocommit=True, row_factory=dict_row)


def _start_up(folder: Path, conn: Conn, began: float) -> str:
    """Say how long it took until Dagster answers, until its first tick, and until the first message has left."""
    _until(lambda: "http://" in (folder / "up.log").read_text())
    answers = time.time() - began
    _until(lambda: _waiting(conn) == 0)
    sent = time.time() - began
    (kept,) = folder.glob("state/**/schedules.db")
    with closing(sqlite3.connect(kept)) as ticks:
        (first,) = ticks.execute("SELECT min(timestamp) FROM job_ticks").fetchone()
    tick = datetime.fromisoformat(first).replace(tzinfo=UTC).timestamp() - began
    return f"`ige up`: Dagster answers after {answers:.1f} s, first tick after {tick:.1f} s, first message {sent:.1f} s"


def _measure(conn: Conn, first: int) -> dict[str, Any]:
    """The first message showed that Dagster is up; it is not counted."""
    for _ in range(MESSAGES):
        time.sleep(random.expovariate(1 / APART_S))
        make_message(conn, make_awake_contractor(conn))
    _until(lambda: _waiting(conn) == 0)
    return conn.execute(WAITED, [first]).fetchone() or {}


def _waiting(conn: Conn) -> int:
    row = conn.execute("SELECT count(*) AS waiting FROM ai_proactive_messages WHERE sent_at IS NULL").fetchone()
    return int((row or {})["waiting"])


def _until(reached: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not reached():
        if time.monotonic() > ends:
            raise TimeoutError("Messages wait for longer than a sensor may take.")
        time.sleep(0.5)


@contextmanager
def _up(folder: Path, ours: dict[str, str]) -> Iterator[float]:
    """Start it, and give the moment of that."""
    command = [sys.executable, "-m", "ige_pipeline.cli.main", "up"]
    env = os.environ | ours | {"IGE_STATE": str(folder / "state"), "IGE_SENDER_NAME": "Acme"}
    began = time.time()
    with (folder / "up.log").open("w") as log:
        process = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log, start_new_session=True)  # noqa: S603
    try:
        yield began
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


if __name__ == "__main__":
    main()
