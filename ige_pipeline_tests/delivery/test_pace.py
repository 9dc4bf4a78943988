"""The law of the pace: whatever is slow, no POST starts sooner after another than the pace allows."""

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.outcome import Outcome, Postponed
from ige_pipeline.delivery.pace import NEAR_S, Moments, elapsed
from ige_pipeline.delivery.slots import Landed, Slots
from ige_pipeline.postgres.connection import Connection
from ige_pipeline_tests.delivery.fakes import (
    NOON,
    FakeClock,
    FakeEndpoint,
    FakeOutbox,
    FakeSlots,
    deliver_from,
    leases,
    make_lease,
)
from ige_pipeline_tests.delivery.outboxes import outbox_on, waiting

EXAMPLES = int(os.environ.get("IGE_TEST_EXAMPLES", "60"))
MESSAGES = 12
# A float forgets what lies sixteen digits behind.
NOTHING_S = 1e-6


class PacedOutbox(FakeOutbox):
    """Keeps the pace as the database does, with another run that takes moments, and claims that take their time.

    `others` says after which of our moments the other run takes one; `theirs` are the moments that it took.
    """

    def __init__(
        self,
        clock: FakeClock,
        *,
        apart_s: float,
        claims_take_s: Iterator[float],
        others: Iterable[bool] = (),
        messages: int = MESSAGES,
    ) -> None:
        super().__init__(leases(messages))
        self.clock, self._apart_s, self._claims_take_s, self._next_at = clock, apart_s, claims_take_s, 0.0
        self._others, self.theirs = iter(others), list[float]()

    def reserve_pace(self, moments: int = 1, *, probing: bool = False) -> float | None:
        del probing
        first = max(self.clock(), self._next_at)
        self._next_at = first + moments * self._apart_s
        if next(self._others, False):
            self.theirs.append(self._next_at)
            self._next_at += self._apart_s
        return first - self.clock()

    def begin_late(self, moments: int, *, ends_in_s: float) -> float:
        now, lasts = self.clock(), moments * self._apart_s
        behind = self._next_at > now + ends_in_s + self._apart_s / 4 and now <= self._next_at <= now + 10
        first = self._next_at if behind else max(self._next_at - lasts, now)
        wait_s = first - now if behind else 0.0
        self._next_at = first + lasts
        return wait_s

    def claim(self, at_most: int = 1, *, probing: bool = False) -> list[Lease]:
        self.clock.nap(next(self._claims_take_s, 0.0))
        return super().claim(at_most, probing=probing)


def slow() -> st.SearchStrategy[float]:
    """Mostly quick, now and then far slower than any pace."""
    return st.sampled_from([0.0, 0.001, 0.004, 0.02, 0.06, 0.5, 3.0, 9.0])


@settings(max_examples=EXAMPLES)
@given(
    per_second=st.sampled_from([0.5, 4.0, 30.0, 50.0, 100.0, 400.0]),
    slots=st.integers(1, 5),
    answers_take_s=slow(),
    claims_take_s=st.lists(slow(), max_size=MESSAGES),
    others=st.lists(st.booleans(), max_size=2 * MESSAGES),
)
def test_two_starts_are_never_nearer_than_the_pace_allows(
    per_second: float, slots: int, answers_take_s: float, claims_take_s: list[float], others: list[bool]
) -> None:
    clock, endpoint = FakeClock(), FakeEndpoint()
    outbox = PacedOutbox(clock, apart_s=1 / per_second, claims_take_s=iter(claims_take_s), others=others)
    some = FakeSlots(endpoint, clock, count=slots, takes_s=answers_take_s)

    deliver_from(outbox, endpoint, clock=clock, slots=some, per_second=per_second)

    assert sorted(endpoint.posted) == list(range(1, MESSAGES + 1))
    nearest = min(after - before for before, after in pairwise(sorted([*some.started, *outbox.theirs])))
    assert nearest >= 1 / per_second - NEAR_S - NOTHING_S


def test_however_many_rows_something_speaks_against_they_take_no_time_of_the_pace() -> None:
    clock, endpoint = FakeClock(), FakeEndpoint()
    outbox = PacedOutbox(clock, apart_s=2, claims_take_s=iter([0.01] * 1001), messages=1001)
    some = FakeSlots(endpoint, clock, count=5)

    def all_but_the_last(leases: Sequence[Lease]) -> list[Outcome | None]:
        return [None if lease.message_id == 1001 else Postponed((), delay=timedelta(hours=1)) for lease in leases]

    deliver_from(outbox, endpoint, screen=all_but_the_last, clock=clock, slots=some, per_second=0.5)

    assert endpoint.posted == [1001]
    assert some.started[0] <= 1001 * 0.01 + 2


def test_where_nothing_is_slow_each_start_is_in_its_moment() -> None:
    clock, endpoint = FakeClock(), FakeEndpoint()
    outbox = PacedOutbox(clock, apart_s=0.02, claims_take_s=iter([0.01] * MESSAGES))

    some = FakeSlots(endpoint, clock, count=5)
    deliver_from(outbox, endpoint, clock=clock, slots=some, per_second=50)

    assert some.started[-1] - some.started[0] <= (MESSAGES - 1) * 0.02 + 0.02


def test_so_fast_a_pace_that_no_clock_tells_two_moments_apart_is_one_portion() -> None:
    moments = Moments(0.00001)
    moments.hold(64, first=100.0)

    assert not moments.late(200.0)
    assert moments.come(200.0) == 64
    assert moments.come(99.0) == 0


def test_the_database_moves_on_the_next_free_moment_behind_those_that_start_late(
    conn: Connection, database_url: str
) -> None:
    def ahead() -> float:
        row = conn.execute(
            "SELECT EXTRACT(EPOCH FROM next_at - clock_timestamp())::float8 AS s FROM ige_pace"
        ).fetchone()
        return float((row or {})["s"])

    with outbox_on(database_url, messages_per_second=0.01) as outbox:
        outbox.reserve_pace(1)
        conn.execute("UPDATE ige_pace SET next_at = now() - interval '1 hour'")
        outbox.start_late(2)
        moved = ahead()
        outbox.start_late(1)

        assert 100 < moved <= 200
        assert 100 < ahead() <= moved, "What is free only later stays so."


def test_moments_that_passed_unused_begin_now_or_behind_those_that_another_run_holds(
    conn: Connection, database_url: str
) -> None:
    with (
        outbox_on(database_url, messages_per_second=0.5) as outbox,
        outbox_on(database_url, messages_per_second=0.5, run_id="other") as other,
    ):
        outbox.reserve_pace(1)
        alone = outbox.begin_late(1, ends_in_s=1.9)
        other.reserve_pace(1)
        beside = outbox.begin_late(1, ends_in_s=1.9)
        conn.execute("UPDATE ige_pace SET next_at = now() + interval '1 hour'")
        far = outbox.begin_late(1, ends_in_s=1.9)

    assert alone == 0
    assert 2 < beside <= 4
    assert far == 0


def test_a_run_that_was_suspended_after_its_last_look_posts_nothing() -> None:
    endpoint = FakeEndpoint()
    slots = Slots(endpoint, count=2, clock=lambda: 100.0)

    slots.start([make_lease(message_id=1)], now=NOON, until=99.9)
    slots.start([make_lease(message_id=2)], now=NOON, until=100.0)
    back: list[Landed] = []
    while len(back) < 2:
        back += slots.landed(within_s=10)
    slots.close()

    assert endpoint.posted == [2]
    assert {each.lease.message_id: each.sent is None for each in back} == {1: True, 2: False}


def test_a_last_look_holds_only_where_the_lease_outlasts_it_and_a_whole_post(
    conn: Connection, database_url: str
) -> None:
    message_id = waiting(conn)
    with outbox_on(database_url, post_timeout_seconds=15) as outbox:
        lease = outbox.claim()[0]
        conn.execute("UPDATE ai_proactive_messages SET lease_expires_at = now() + interval '15.2 s'")

        assert outbox.may_post([lease]).leased == frozenset()
        conn.execute("UPDATE ai_proactive_messages SET lease_expires_at = now() + interval '30 s'")
        assert outbox.may_post([lease]).leased == {message_id}


def test_the_clock_goes_on() -> None:
    assert elapsed() <= elapsed()
