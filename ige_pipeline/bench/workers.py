"""One worker and two, on the same batch and on the same backlog: what the second brings, and that results are equal.

A worker is a process, as a step of Celery's or of the multiprocess executor is one, and as a second delivery run is.
Measured from the moment when all of them are ready, so that no start-up counts.
"""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import Any

from ige_pipeline.bench import ours
from ige_pipeline.bench.deliver import fill
from ige_pipeline.bench.population import own_database, own_server, populated
from ige_pipeline.bench.webhook import receiving
from ige_pipeline.delivery.deliver import deliver
from ige_pipeline.delivery.endpoint import WebhookEndpoint
from ige_pipeline.delivery.target import Target
from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.phonebook import read_others
from ige_pipeline.safeguards.piece import cut
from ige_pipeline.safeguards.screen import screen_recipients
from ige_pipeline.safeguards.span import span_of
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.evaluate import evaluate

_QUERIES = load(__package__, "workers.sql")
_SPAWN = multiprocessing.get_context("spawn")
_READY_WITHIN_S = 60.0
_POSTS_AT_ONCE = 20


@dataclass(frozen=True)
class Turn:
    """So many workers, how long they took (seconds), for how much; `result` is the same where what came of it is."""

    workers: int
    seconds: float
    amount: int
    result: str


def screening(*, contractors: int, shards: int, rounds: int = 2) -> Iterator[Turn]:
    """Screen the shards of one batch with one worker and with two, in turns; RuntimeError if decisions differ."""
    with own_server() as server, populated(server, contractors=contractors) as lanes:
        conn, settings = lanes[0], Settings()
        while read_others(conn, region=settings.default_region):
            pass
        first = ours.new_batch(conn)
        results = set()
        for workers in (1, 2) * rounds:
            turn = _screened(conn, ours.new_batch(conn, first), shards, workers)
            results.add(turn.result)
            yield turn
        _require_equal(results)


def _screened(conn: Connection, batch: Batch, shards: int, workers: int) -> Turn:
    ours.empty_ledger(conn)
    found = sum(evaluate(conn, batch, ours.every_trigger(), Settings()).values())
    names = [str(span) for span in cut(conn, batch, at_once=-(-found // shards))]
    url = _url(conn)
    seconds = _together(_screen, [(url, batch, names[number::workers]) for number in range(workers)])
    row = conn.execute(_QUERIES["decisions"], batch.key).fetchone() or {}
    return Turn(workers, seconds, row["decisions"], row["result"])


def _screen(ready: Barrier, url: str, batch: Batch, names: Sequence[str]) -> None:
    with connect(url) as conn:
        ready.wait(_READY_WITHIN_S)
        for name in names:
            screen_recipients(conn, batch, Settings(), consent_needed=False, within=span_of(name))


def delivering(*, messages: int, latency_s: float, rounds: int = 2) -> Iterator[Turn]:
    """Empty an outbox with one run and with two, in turns; RuntimeError unless each message was posted once."""
    with own_server() as server:
        for workers in (1, 2) * rounds:
            with own_database(server) as url, receiving(latency_s=latency_s) as webhook:
                with connect(url) as conn:
                    fill(conn, due=messages)
                seconds = _together(_deliver, [(url, webhook)] * workers)
                with connect(url) as conn:
                    row = conn.execute(_QUERIES["delivered"]).fetchone() or {}
            _require_equal({(row["sent"], row["attempts"]), (messages, messages)})
            yield Turn(workers, seconds, row["sent"], "each once")


def _deliver(ready: Barrier, url: str, webhook: str) -> None:
    settings = Settings(max_messages_per_run=100_000, messages_per_second=100_000, delivery_concurrency=_POSTS_AT_ONCE)
    with connect(url) as conn:
        ready.wait(_READY_WITHIN_S)
        deliver(conn, WebhookEndpoint(Target(webhook)), settings, run_id="bench")


def _together(work: Any, told: Sequence[tuple[Any, ...]]) -> float:
    """Run a worker for each; return the seconds from when all are ready until the last has ended."""
    ready = _SPAWN.Barrier(len(told) + 1)
    processes = [_SPAWN.Process(target=work, args=(ready, *each)) for each in told]
    for each in processes:
        each.start()
    ready.wait(_READY_WITHIN_S)
    began = time.perf_counter()
    for each in processes:
        each.join()
    seconds = time.perf_counter() - began
    if any(each.exitcode != 0 for each in processes):
        raise RuntimeError("This benchmark is void: a worker failed.")
    return seconds


def _require_equal(results: set[Any]) -> None:
    if len(results) != 1:
        raise RuntimeError(f"This benchmark is void: what came of it differs: {results}.")


def _url(conn: Connection) -> str:
    info = conn.info
    return f"postgresql://{info.user}:{info.password}@{info.host}:{info.port}/{info.dbname}"
