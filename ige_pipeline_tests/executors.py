"""One batch as Dagster runs it, scheduled by one worker and by two: `make executors`.

By Dagster's multiprocess executor, and by Celery's workers over a redis-server of this program's own, where there is
one. Each turn has its own copy of one database, and its decisions are held against the first one's: others fail this
program.
What is left when the starting of steps is taken away is `ige bench workers`.
"""

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

import dagster as dg
from psycopg import sql

from ige_pipeline.bench.population import own_database, own_server, populate
from ige_pipeline.definitions import of_surroundings
from ige_pipeline.postgres.connection import connect
from ige_pipeline_tests.dagster_instances import SCHEDULE, instance_at, surroundings
from ige_pipeline_tests.processes import broker, running, until_said

CONTRACTORS = int(os.environ.get("CONTRACTORS", "10000"))
SHARDS = int(os.environ.get("SHARDS", "4"))
WORKERS = (1, 2)
# Everything that was decided, less ids and times.
DECIDED = """
SELECT d.contractor_id, d.dedupe_key, d.facts, d.draft, d.verdict, d.not_before, d.recipient_known::text,
       (SELECT array_agg(each ->> 'reason') FROM jsonb_array_elements(d.reasons) AS each) AS reasons
  FROM ige_decisions d
 ORDER BY d.contractor_id, d.dedupe_key"""


@dataclass(frozen=True)
class Turn:
    """So many workers of a kind: how long they took, over what, and a digest of what came of it."""

    kind: str
    workers: int
    seconds: float
    rows: int
    digest: str
    parts: str = ""


def main() -> None:
    """Take each turn and print its figures; a result unlike the first ends with 1."""
    firsts: dict[str, Turn] = {}
    results = set()
    with own_server() as server:
        for turn in scheduling(server):
            results.add((turn.rows, turn.digest))
            say(turn, firsts.setdefault(turn.kind, turn), same=len(results) == 1)
    sys.exit(len(results) > 1)


def say(turn: Turn, first: Turn, *, same: bool) -> None:
    """Print a turn beside the first of its kind."""
    print(  # noqa: T201 - it is what this is for
        f"{turn.kind:24} {turn.workers} worker{'s' if turn.workers > 1 else ' '} {turn.seconds:7.2f} s,"
        f" speed-up {first.seconds / turn.seconds:4.2f}, {turn.rows:,} rows {'equal' if same else 'NOT EQUAL'}"
        f"{turn.parts}",
        flush=True,
    )


@contextmanager
def copies(server: str, name: str) -> Iterator[str]:
    """Give a copy of a database, and drop it."""
    copy = f"{name}_copy"
    with connect(server) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(copy), sql.Identifier(name)))
        try:
            yield urlsplit(server)._replace(path=f"/{copy}").geturl()
        finally:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(copy)))


def digest_of(url: str, statement: str) -> tuple[int, str]:
    """Return how many rows a statement finds, and a digest of them all."""
    told, rows = hashlib.sha256(), 0
    with connect(url) as conn, conn.cursor() as cursor:
        for row in cursor.stream(statement):
            told.update(repr(sorted(row.items())).encode())
            rows += 1
    return rows, told.hexdigest()


def scheduling(server: str) -> Iterator[Turn]:
    """Schedule one batch by one worker and by two, of each executor that is here."""
    with own_database(server) as url:
        with connect(url) as conn:
            populate(conn, contractors=CONTRACTORS)
        # The same for all: a minute later somebody else is due.
        as_of = datetime.now(UTC).isoformat()
        kinds = ["multiprocess", *(["celery"] if shutil.which("redis-server") else [])]
        for kind, workers in [(kind, workers) for kind in kinds for workers in WORKERS]:
            with copies(server, urlsplit(url).path[1:]) as copy, tempfile.TemporaryDirectory() as folder:
                seconds, parts = batch(copy, Path(folder), kind, workers, as_of)
                yield Turn(f"batch by {kind}", workers, seconds, *digest_of(copy, DECIDED), parts)


def batch(url: str, folder: Path, kind: str, workers: int, as_of: str) -> tuple[float, str]:
    """Run the scheduling job on so many workers; return its seconds, and where they went."""
    with ExitStack() as stack:
        here = surroundings(url, None) | {
            "IGE_EXECUTOR": kind,
            "IGE_SENDER_NAME": "Acme",
            "IGE_CONSENT_BASIS": "made-up people",
            # One for each worker, so that their number is all that differs.
            "IGE_BATCH_CONNECTIONS": "1",
        }
        if kind == "celery":
            here["IGE_CELERY_URL"] = stack.enter_context(broker(folder))
        stack.enter_context(patch.dict(os.environ, here))
        instance = stack.enter_context(instance_at(folder / "home"))
        if kind == "celery":
            for number in range(workers):
                log = folder / f"worker{number}.log"
                stack.enter_context(running(worker(number), log, os.environ))
                until_said("ready.", log)
        return timed(instance, {} if kind == "celery" else {"max_concurrent": workers}, as_of)


def worker(number: int) -> list[str]:
    """Return the words that start one Celery worker with one step at a time."""
    words = "-m celery --app ige_pipeline.celery_worker worker --queues dagster --concurrency 1 --loglevel info"
    return [sys.executable, *words.split(), "--hostname", f"w{number}@%h"]


def scheduling_job() -> dg.JobDefinition:
    """Return the job, for a process of its own."""
    return of_surroundings().resolve_job_def(SCHEDULE)


def timed(instance: dg.DagsterInstance, executor: dict[str, int], as_of: str) -> tuple[float, str]:
    """Run the job to its end; return its seconds, and those of its longest parts."""
    request = {"dry_run": True, "shard_size": CONTRACTORS // SHARDS, "as_of": as_of}
    config = {
        "resources": {"request": {"config": request}},
        "execution": {"config": executor},
        "loggers": {"console": {"config": {"log_level": "ERROR"}}},
    }
    began = time.monotonic()
    with dg.execute_job(dg.reconstructable(scheduling_job), instance, run_config=config) as result:
        seconds = time.monotonic() - began
        if not result.success:
            raise RuntimeError("This benchmark is void: the batch failed.")
        return seconds, parts_of(instance, result.run_id)


def parts_of(instance: dg.DagsterInstance, run_id: str) -> str:
    """Say from when to when each step ran, a step's shards taken together."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for step in instance.get_run_step_stats(run_id):
        spans.setdefault(step.step_key.partition("[")[0], []).append((step.start_time or 0, step.end_time or 0))
    return "".join(
        f"\n    {name:26} {max(end for _, end in times) - min(begin for begin, _ in times):6.2f} s"
        f" in {len(times)} step{'s' if len(times) > 1 else ''}"
        for name, times in sorted(spans.items(), key=lambda each: each[1])
    )


if __name__ == "__main__":
    # By its name, so that other processes find the job.
    from ige_pipeline_tests.executors import main as named

    named()
