"""The benchmark of writing a batch's texts: with a model that takes its time, from templates, and killed in the middle.

The model is a server of our own on loopback. Each turn runs in a process of its own, as an hourly batch does, so that
its memory and its imports are its own.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from uuid import uuid4

from ige_pipeline.bench.bare import bare_client
from ige_pipeline.bench.measure import peak_mb, stopwatch
from ige_pipeline.bench.model_server import ModelServer, serving
from ige_pipeline.bench.population import own_database, own_server
from ige_pipeline.generation import template
from ige_pipeline.generation.generate import generate_messages
from ige_pipeline.generation.model import ModelWriter
from ige_pipeline.generation.pace import Pace
from ige_pipeline.generation.price import of_model
from ige_pipeline.ledger.batch import Batch, find_batch, open_batch
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "generate.sql")
_LOOK_EVERY_SECONDS = 0.01
# The limits are not what is measured.
_NEVER_REACHED = 1e9
_SETTINGS = Settings(model_spend_per_batch_usd=10_000, model_spend_per_day_usd=100_000)


@dataclass(frozen=True)
class Turn:
    """What one process needed for a batch (seconds, from the call to its return), and the most memory it held."""

    first_seconds: float
    again_seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Killed:
    """A run that was killed: texts that were kept then, and what the second run asked; repeats are asked twice."""

    kept: int
    asked_by_second: int
    repeats: int


@dataclass(frozen=True)
class Report:
    """All figures of one run; seconds. `bare` is a client that does nothing but ask."""

    messages: int
    in_flight: int
    latency_ms: int
    ideal: float
    bare: float
    model: Turn
    templates: Turn
    killed: Killed


@dataclass(frozen=True)
class Scene:
    """A database of candidates, and the server that is asked about them."""

    url: str
    server: ModelServer
    in_flight: int

    def new_batch(self) -> str:
        """Open a batch in which everybody may be written to; return its root run."""
        root = f"bench-{uuid4()}"
        with connect(self.url) as conn:
            batch = open_batch(conn, root_run_id=root, triggers=[], settings={})
            conn.execute(_QUERIES["candidates"], batch.key)
        return root

    def kept(self, root: str) -> int:
        """Return how many texts of a batch are kept, once nobody is at work on it any more."""
        with connect(self.url) as conn:
            while conn.execute(_QUERIES["at_work"]).fetchone() != {"others": 0}:
                time.sleep(_LOOK_EVERY_SECONDS)
            row = conn.execute(_QUERIES["drafted"], find_batch(conn, root).key).fetchone()
        return int(row["drafts"]) if row else 0


def run(*, messages: int, latency_ms: int, in_flight: int) -> Report:
    """Measure everything on a server of our own; RuntimeError when a turn did not do its work."""
    with own_server() as server_url, scene(server_url, messages, latency_ms=latency_ms, in_flight=in_flight) as there:
        return Report(
            messages=messages,
            in_flight=in_flight,
            latency_ms=latency_ms,
            ideal=messages / in_flight * latency_ms / 1000,
            bare=stopwatch(lambda: bare_client(there.server.url, messages=messages, in_flight=in_flight))[0],
            model=turn(there, by_model=True),
            templates=turn(there, by_model=False),
            killed=killed_in_the_middle(there, messages=messages, at=messages // 2),
        )


@contextmanager
def scene(server_url: str, messages: int, *, latency_ms: int, in_flight: int) -> Iterator[Scene]:
    """Make a database with so many contractors and start the model's server."""
    with own_database(server_url) as url, serving(latency_seconds=latency_ms / 1000) as server:
        with connect(url) as conn:
            conn.execute(_QUERIES["people"], {"messages": messages})
            conn.execute("VACUUM (ANALYZE)")
        yield Scene(url, server, in_flight)


def turn(there: Scene, *, by_model: bool) -> Turn:
    """Write two batches in a process of its own: the first imports what it needs, the second has it."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    roots = [there.new_batch(), there.new_batch()]
    process = _process(_measure, there, roots, theirs, by_model)
    process.start()
    theirs.close()
    try:
        result: Turn = ours.recv()
    except EOFError as error:
        raise RuntimeError("This benchmark is void: a turn ended without its figures.") from error
    process.join()
    return result


def killed_in_the_middle(there: Scene, *, messages: int, at: int) -> Killed:
    """Kill a run with SIGKILL once so many questions were asked, and run the batch again."""
    root, before = there.new_batch(), there.server.asked().total()
    _kill(_start(there, root), when=lambda: there.server.asked().total() - before >= at)
    kept, asked = there.kept(root), there.server.asked().total()
    there.server.answer_all()
    _start(there, root).join()
    by_second = there.server.asked().total() - asked
    if there.kept(root) != messages or by_second != messages - kept:
        raise RuntimeError(f"This benchmark is void: {by_second} calls for {messages - kept} missing texts.")
    return Killed(kept, by_second, repeats=there.server.asked().total() - before - messages)


def _start(there: Scene, root: str) -> multiprocessing.context.SpawnProcess:
    process = _process(_write_one, there, root)
    process.start()
    return process


def _process(work: Callable[..., None], *args: object) -> multiprocessing.context.SpawnProcess:
    return multiprocessing.get_context("spawn").Process(target=work, args=args)


def _kill(victim: multiprocessing.context.SpawnProcess, *, when: Callable[[], bool]) -> None:
    while not when():
        if not victim.is_alive():
            raise RuntimeError("This benchmark is void: the run ended before it could be killed.")
        time.sleep(_LOOK_EVERY_SECONDS)
    if victim.pid is None:
        raise RuntimeError("This benchmark is void: the run was never started.")
    os.kill(victim.pid, signal.SIGKILL)
    victim.join()


def _measure(there: Scene, roots: list[str], told: Pipe, by_model: bool) -> None:  # noqa: FBT001 - a process' argument
    with connect(there.url) as conn:
        first, again = (_write(conn, there, find_batch(conn, root), by_model=by_model) for root in roots)
    told.send(Turn(first, again, peak_mb()))


def _write_one(there: Scene, root: str) -> None:
    with connect(there.url) as conn:
        _write(conn, there, find_batch(conn, root), by_model=True)


def _write(conn: Connection, there: Scene, batch: Batch, *, by_model: bool) -> float:
    model = None
    if by_model:
        model = ModelWriter(
            model="bench",
            api_key="none",
            base_url=there.server.url,
            concurrency=there.in_flight,
            prices=of_model("bench", stated="0.40/0.10/1.60"),
            pace=Pace(requests_per_minute=_NEVER_REACHED, tokens_per_minute=_NEVER_REACHED),
        )
    templates = template.load()
    return stopwatch(lambda: generate_messages(conn, batch, _SETTINGS, templates=templates, model=model))[0]
