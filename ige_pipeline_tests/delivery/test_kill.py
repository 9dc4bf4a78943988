"""kill -9 at every bad moment: nothing is lost, and only what was in flight is posted again, under the same key."""

import multiprocessing
import os
import random
import signal
import time
from multiprocessing.context import ForkServerProcess

import pytest

from ige_pipeline.postgres.connection import Connection
from ige_pipeline_tests.delivery.fakes import awake
from ige_pipeline_tests.delivery.killable import PRELOADED, deliver_all
from ige_pipeline_tests.delivery.loopback import Body, Receiver, receiving
from ige_pipeline_tests.factories import make_contractor, make_message

MESSAGES, KILLS = 50, 12
WITHIN_S = 10


class Murder:
    """Kills a run at the POST that was drawn: before it is answered, or some milliseconds after."""

    def __init__(self, chance: random.Random, *, before_the_answer: bool) -> None:
        self.victim: ForkServerProcess | None = None
        self._chance, self._before, self._to_come = chance, before_the_answer, chance.randint(1, 4)

    def answer(self, _body: Body) -> int:
        self._to_come -= 1
        if self._to_come == 0 and self._before:
            self._strike()
        return 200

    def wait_and_strike(self) -> None:
        """Whenever it is: while it claims, screens, posts, or between the POST and the write."""
        while self._to_come > 0 and self.victim is not None and self.victim.is_alive():
            time.sleep(0.0005)
        if not self._before:
            time.sleep(self._chance.random() * 0.03)
            self._strike()

    def _strike(self) -> None:
        assert self.victim is not None
        assert self.victim.pid is not None
        os.kill(self.victim.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def forks() -> multiprocessing.context.ForkServerContext:
    """Processes that have already imported what they need, so that a restart takes no time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def test_nothing_is_lost_and_only_what_was_in_flight_is_repeated_under_the_same_key(
    conn: Connection, database_url: str, forks: multiprocessing.context.ForkServerContext
) -> None:
    chance = random.Random(20261123)  # noqa: S311 - moments, not secrets
    ids = [make_message(conn, make_contractor(conn, timezone=awake())) for _ in range(MESSAGES)]
    in_flight: list[int] = []

    with receiving() as receiver:
        for turn in range(KILLS):
            murder = Murder(chance, before_the_answer=turn % 3 == 0)
            receiver.answer = murder.answer
            start(forks, database_url, receiver, murder)
            murder.wait_and_strike()
            assert end_of(murder) == -signal.SIGKILL
            in_flight += in_the_air(conn, receiver)
        receiver.answer = lambda _body: 200
        last = Murder(chance, before_the_answer=False)
        start(forks, database_url, receiver, last)
        assert end_of(last) == 0

    assert undelivered(conn) == []
    assert sorted(receiver.times) == ids
    repeats = {message_id: times - 1 for message_id, times in receiver.times.items() if times > 1}
    assert repeats, "No kill hit a message in flight: the moments are badly chosen."
    assert all(count <= in_flight.count(message_id) for message_id, count in repeats.items())
    assert all(len(keys) == 1 for keys in receiver.keys.values())


def start(
    forks: multiprocessing.context.ForkServerContext, database_url: str, receiver: Receiver, murder: Murder
) -> None:
    murder.victim = forks.Process(target=deliver_all, args=(database_url, receiver.url))
    murder.victim.start()


def end_of(murder: Murder) -> int | None:
    """Wait for the run to end and return how; it must not need longer than a restart may."""
    assert murder.victim is not None
    murder.victim.join(WITHIN_S)
    code = murder.victim.exitcode
    if code is None:
        murder.victim.kill()
        murder.victim.join()
    murder.victim.close()
    return code


def in_the_air(conn: Connection, receiver: Receiver) -> list[int]:
    """Return what was posted and, now that its run is dead, is not marked as sent."""
    query = "SELECT id FROM ai_proactive_messages WHERE sent_at IS NULL AND id = ANY(%s)"
    return [row["id"] for row in conn.execute(query, [receiver.message_ids])]


def undelivered(conn: Connection) -> list[int]:
    return [row["id"] for row in conn.execute("SELECT id FROM ai_proactive_messages WHERE sent_at IS NULL")]
