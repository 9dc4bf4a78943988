"""Several connections at work on one thing: a server answers each on a core of its own."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from typing import TypeVar

from ige_pipeline.postgres.connection import Connection, Database

Work = TypeVar("Work")


@contextmanager
def lanes_of(database: Database, count: int) -> Iterator[tuple[Connection, ...]]:
    """Open so many connections for the length of the block; Refusal when the server cannot be reached."""
    with ExitStack() as stack:
        yield tuple(stack.enter_context(database.connect()) for _ in range(count))


def side_by_side(lanes: Sequence[Connection], works: Iterable[Work], do: Callable[[Connection, Work], object]) -> None:
    """Do each work on a lane that is free, and end when all are done; what one raises is raised, and ends the rest.

    `works` is asked for the next one only when a lane is free, so that not all of them need be held at once.
    """
    if len(lanes) == 1:
        for work in works:
            do(lanes[0], work)
        return
    with ThreadPoolExecutor(len(lanes)) as pool:
        free, busy = list(lanes), dict[Future[object], Connection]()
        for work in works:
            if not free:
                free += _first_done(busy)
            lane = free.pop()
            busy[pool.submit(copy_context().run, do, lane, work)] = lane
        while busy:
            _first_done(busy)


def _first_done(busy: dict[Future[object], Connection]) -> list[Connection]:
    done, _ = wait(busy, return_when=FIRST_COMPLETED)
    freed = [busy.pop(each) for each in done]
    for each in done:
        each.result()
    return freed
