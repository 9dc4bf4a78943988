"""Slots: what is prepared goes when one comes free, never more at once than there are, never after its look is old."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime

import pytest

from ige_pipeline.delivery.endpoint import InTime
from ige_pipeline.delivery.pace import elapsed
from ige_pipeline.delivery.payload import Sendable
from ige_pipeline.delivery.reply import Answered, Reply, Unreached
from ige_pipeline.delivery.slots import Landed, Slots
from ige_pipeline_tests.delivery.fakes import ACCEPTED, NOON, FakeEndpoint, leases

SOON_S = 10.0


class HeldEndpoint(FakeEndpoint):
    """An endpoint that answers nobody before it is told to."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__(*replies)
        self.waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self.most = self.in_the_air = 0

    async def post(self, sendable: Sendable, *, key: str, now: datetime, in_time: InTime) -> Reply:
        del key, now, in_time
        answered = asyncio.Event()
        self.waiting.append((asyncio.get_running_loop(), answered))
        self.posted.append(sendable.message_id)
        self.in_the_air += 1
        self.most = max(self.most, self.in_the_air)
        await answered.wait()
        self.in_the_air -= 1
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]


@contextmanager
def slots_to(endpoint: FakeEndpoint, *, count: int = 2) -> Iterator[Slots]:
    with closing(Slots(endpoint, count=count)) as slots:
        yield slots


def answer(endpoint: HeldEndpoint, number: int) -> None:
    """Let the endpoint answer one of those it holds, once it has it."""
    while len(endpoint.waiting) <= number:
        time.sleep(0.001)
    loop, answered = endpoint.waiting[number]
    loop.call_soon_threadsafe(answered.set)


def over(slots: Slots, count: int) -> list[Landed]:
    """Wait until so many are over."""
    back: list[Landed] = []
    while len(back) < count:
        back += slots.landed(within_s=SOON_S)
    return back


def started(slots: Slots, count: int, *, for_s: float = SOON_S) -> None:
    slots.start(leases(count), now=NOON, until=elapsed() + for_s)


def test_the_next_goes_when_a_slot_comes_free_and_never_more_at_once_than_there_are() -> None:
    endpoint = HeldEndpoint()
    with slots_to(endpoint) as slots:
        started(slots, 4)
        first = over_after(slots, endpoint, 0)
        second = over_after(slots, endpoint, 1)
        rest = [*over_after(slots, endpoint, 2), *over_after(slots, endpoint, 3)]

    assert [each.lease.message_id for each in [*first, *second, *rest]] == [1, 2, 3, 4]
    assert all(each.sent is not None and each.sent.reply == ACCEPTED for each in rest)
    assert (endpoint.posted, endpoint.most, slots.busy) == ([1, 2, 3, 4], 2, 0)


def over_after(slots: Slots, endpoint: HeldEndpoint, number: int) -> list[Landed]:
    answer(endpoint, number)
    return over(slots, 1)


def test_slots_say_how_many_more_than_there_is_room_for_were_started() -> None:
    endpoint = HeldEndpoint()
    with slots_to(endpoint) as slots:
        started(slots, 3)

        assert slots.free == -1


def test_what_found_no_slot_while_its_look_held_comes_back_unposted_though_all_slots_are_taken() -> None:
    endpoint = HeldEndpoint()
    with slots_to(endpoint) as slots:
        started(slots, 2)
        slots.start(leases(5)[3:], now=NOON, until=elapsed() + 0.05)

        back = over(slots, 2)

    assert [(each.lease.message_id, each.sent, each.waited) for each in back] == [(4, None, True), (5, None, True)]
    assert endpoint.posted == [1, 2]


def test_what_waits_when_it_is_withdrawn_is_not_posted() -> None:
    endpoint = HeldEndpoint()
    with slots_to(endpoint) as slots:
        started(slots, 4)
        slots.withdraw()
        back = over(slots, 2)
        answer(endpoint, 0)
        answer(endpoint, 1)
        over(slots, 2)

    assert [(each.lease.message_id, each.waited) for each in back] == [(3, True), (4, True)]
    assert endpoint.posted == [1, 2]


@pytest.mark.parametrize("reply", [Answered(404), Answered(503), Answered(429), Unreached("refused")])
def test_behind_an_answer_that_may_open_the_circuit_nothing_goes_before_the_run_knows(reply: Reply) -> None:
    endpoint = HeldEndpoint(reply, ACCEPTED)
    with slots_to(endpoint) as slots:
        started(slots, 4)
        back = over_after(slots, endpoint, 0)
        back += over(slots, 3 - len(back))

    assert {each.lease.message_id: each.waited for each in back} == {1: False, 3: True, 4: True}
    assert endpoint.posted == [1, 2]


def test_behind_an_error_of_our_own_nothing_goes() -> None:
    class Breaking(FakeEndpoint):
        async def post(self, sendable: Sendable, *, key: str, now: datetime, in_time: InTime) -> Reply:
            del sendable, key, now, in_time
            await asyncio.sleep(0)
            raise MemoryError

    with slots_to(Breaking(), count=1) as slots:
        started(slots, 3)
        back = over(slots, 3)

    errors = {each.lease.message_id: type(each.error) for each in back}
    assert errors == {1: MemoryError, 2: type(None), 3: type(None)}


def test_slots_that_are_closed_post_nothing_more() -> None:
    endpoint = HeldEndpoint()
    with slots_to(endpoint) as slots:
        started(slots, 4)

    assert endpoint.posted in ([], [1, 2])
