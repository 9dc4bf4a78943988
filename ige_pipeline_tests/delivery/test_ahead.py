"""Preparing ahead: a slot that comes free has its next message at once, and nobody is held for a slow receiver."""

from collections.abc import Sequence

import pytest

from ige_pipeline.delivery.ahead import WITHIN_S, Ahead
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.look import LOOKS, LastLook
from ige_pipeline.delivery.outcome import Delivered, EndpointFault, Postponed
from ige_pipeline.delivery.reply import Answered
from ige_pipeline_tests.delivery.fakes import (
    ACCEPTED,
    FakeClock,
    FakeEndpoint,
    FakeOutbox,
    FakeSlots,
    deliver_from,
    leases,
)

FAST = 10_000


class Counting(FakeOutbox):
    """An outbox that takes its time to claim, and knows how many rows were leased at the most."""

    def __init__(self, due: int, slots: FakeSlots, *, claim_takes_s: float = 0.004) -> None:
        super().__init__(leases(due))
        self.slots, self.claim_takes_s, self.most_leased = slots, claim_takes_s, 0

    def claim(self, at_most: int = 1, *, probing: bool = False) -> list[Lease]:
        taken = super().claim(at_most, probing=probing)
        self.clock.nap(self.claim_takes_s)
        self.most_leased = max(self.most_leased, self.slots.busy + len(taken))
        return taken


def test_as_many_are_prepared_as_came_back_lately_and_half_as_many_as_there_are_slots_at_the_most() -> None:
    clock = FakeClock()
    ahead = Ahead(64, clock=clock)

    ahead.came_back(3)
    clock.nap(WITHIN_S / 2)
    ahead.came_back(5)
    together = ahead.room
    clock.nap(WITHIN_S * 0.7)
    later = ahead.room
    ahead.came_back(100)

    assert (together, later, ahead.room) == (8, 5, 32)
    clock.nap(WITHIN_S * 2)
    assert ahead.room == 0


def test_for_a_single_slot_nothing_is_prepared() -> None:
    ahead = Ahead(1, clock=FakeClock())

    ahead.came_back(50)

    assert ahead.room == 0


def run_over(
    due: int, *, slots: int, takes_s: float, per_second: float = FAST
) -> tuple[Counting, FakeSlots, FakeEndpoint, FakeClock]:
    clock, endpoint = FakeClock(), FakeEndpoint()
    some = FakeSlots(endpoint, clock, count=slots, takes_s=takes_s)
    outbox = Counting(due, some)
    deliver_from(outbox, endpoint, limit=due, clock=clock, slots=some, per_second=per_second)
    return outbox, some, endpoint, clock


def test_at_a_pace_that_is_none_slots_wait_for_no_claim_and_no_more_is_leased_than_half_as_many_again() -> None:
    outbox, slots, endpoint, clock = run_over(600, slots=10, takes_s=0.02)

    assert sorted(endpoint.posted) == list(range(1, 601))
    assert slots.in_the_air == 10
    assert 10 < outbox.most_leased <= 15
    assert clock.now < 600 / 10 * 0.02 / 0.85, "Claimed only for slots that are free, each turn takes 24 ms."


@pytest.mark.parametrize("per_second", [0.5, 50, 400])
def test_at_a_pace_that_is_one_no_more_is_leased_than_there_are_slots(per_second: float) -> None:
    outbox, slots, endpoint, _ = run_over(40, slots=4, takes_s=0.02, per_second=per_second)

    assert len(endpoint.posted) == 40
    assert outbox.most_leased <= 4
    assert slots.most <= 4


def test_of_a_receiver_that_takes_seconds_nothing_is_held_and_nothing_is_given_up() -> None:
    outbox, _, endpoint, _ = run_over(40, slots=4, takes_s=LOOKS * 1.0)

    assert sorted(endpoint.posted) == list(range(1, 41))
    assert {type(outcome) for _, outcome in outbox.settled} == {Delivered}
    assert outbox.most_leased <= 6


def test_when_the_receiver_stalls_what_is_prepared_is_looked_at_again_and_no_one_says_that_postgres_is_slow() -> None:
    clock, endpoint = FakeClock(), FakeEndpoint()
    slots = FakeSlots(endpoint, clock, count=4, takes_s=0.001)
    outbox = Counting(60, slots)
    outbox.on_look = lambda: setattr(slots, "takes_s", 3.0 if outbox.looks == 8 else 0.001)

    report = deliver_from(outbox, endpoint, limit=60, clock=clock, slots=slots, per_second=FAST)

    assert sorted(endpoint.posted) == list(range(1, 61)), "Each once."
    assert report.posted == 60
    assert report.counts == {"Delivered": 60}


class StoppedAtOnce(Counting):
    """Everything is stopped at some look."""

    def may_post(self, leases: Sequence[Lease]) -> LastLook:
        posted = list(self.slots.endpoint.posted)
        look = super().may_post(leases)
        if look.stopped and self.stopped_at is None:
            self.stopped_at = posted
        return look

    stopped_at: list[int] | None = None


def test_a_stop_lets_nothing_out_that_is_prepared() -> None:
    clock, endpoint = FakeClock(), FakeEndpoint()
    slots = FakeSlots(endpoint, clock, count=4, takes_s=0.01)
    outbox = StoppedAtOnce(200, slots)
    outbox.stop_after = 12

    report = deliver_from(outbox, endpoint, limit=200, clock=clock, slots=slots, per_second=FAST)

    assert report.stopped
    assert endpoint.posted == outbox.stopped_at, "Not one more after the look that saw it."
    given_back = [outcome for _, outcome in outbox.settled if isinstance(outcome, Postponed)]
    assert {outcome.reasons[0]["reason"] for outcome in given_back} == {"stopped"}
    assert len(given_back) + len(outbox.due) + len(endpoint.posted) == 200
    assert report.posted == len(endpoint.posted)


def test_what_is_prepared_when_the_circuit_opens_is_given_back_and_uses_no_attempt() -> None:
    clock, endpoint = FakeClock(), FakeEndpoint(*[ACCEPTED] * 40, Answered(404))
    slots = FakeSlots(endpoint, clock, count=4, takes_s=0.01)
    outbox = Counting(200, slots)

    report = deliver_from(outbox, endpoint, limit=200, clock=clock, slots=slots, per_second=FAST)

    kinds = [type(outcome) for _, outcome in outbox.settled]
    assert report.fault == "http_404"
    assert kinds.count(Delivered) == 40
    assert kinds.count(EndpointFault) <= 4 + 1, "Those in the air, and the probe."
    assert set(kinds) <= {Delivered, EndpointFault, Postponed}
