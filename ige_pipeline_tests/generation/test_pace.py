"""How fast a model may be asked, on a clock of our own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ige_pipeline.generation.pace import Pace

T = TypeVar("T")


class Clock:
    """Stands still until somebody sleeps; whoever sleeps wakes at once, later."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def pace_on(clock: Clock, **limits: float) -> Pace:
    return Pace(clock=clock, sleep=clock.sleep, **limits)


def play(scene: Callable[[], Awaitable[T]]) -> T:
    async def scene_in_loop() -> T:
        return await scene()

    return asyncio.run(scene_in_loop())


def admitted(pace: Pace, clock: Clock, calls: list[float]) -> list[tuple[float, int]]:
    """Let calls of so many tokens ask all at once; return when each was admitted, in the order of admission."""
    order: list[tuple[float, int]] = []

    async def one(number: int, tokens: float) -> None:
        assert await pace.admit(tokens, patience=1)
        order.append((clock.now, number))

    async def scene() -> None:
        await asyncio.gather(*(one(number, tokens) for number, tokens in enumerate(calls)))

    play(scene)
    return order


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 2000), st.integers(1, 300))
def test_no_minute_holds_more_calls_than_its_limit_and_whoever_came_first_goes_first(limit: int, calls: int) -> None:
    clock = Clock()

    order = admitted(pace_on(clock, requests_per_minute=limit), clock, [1.0] * calls)

    moments = [moment for moment, _ in order]
    assert [number for _, number in order] == list(range(calls))
    assert all(sum(start <= other < start + 60 for other in moments) <= limit for start in moments)


@settings(deadline=None, max_examples=25)
@given(st.integers(60, 5000), st.lists(st.integers(1, 4000), min_size=1, max_size=60))
def test_no_minute_holds_more_tokens_than_its_limit_and_one_call(limit: int, calls: list[int]) -> None:
    clock = Clock()

    order = admitted(pace_on(clock, tokens_per_minute=limit), clock, [float(tokens) for tokens in calls])

    for start, _ in order:
        within = sum(calls[number] for moment, number in order if start <= moment < start + 60)
        assert within <= limit + max(calls) + 1


def test_the_limit_is_used_up_and_not_only_kept() -> None:
    clock = Clock()

    order = admitted(pace_on(clock, requests_per_minute=600), clock, [1.0] * 1200)

    assert order[-1][0] - order[0][0] < 122


def test_without_limits_nobody_waits() -> None:
    clock = Clock()

    assert {moment for moment, _ in admitted(pace_on(clock), clock, [10_000.0] * 500)} == {1000.0}


def test_what_a_call_did_not_take_lets_the_next_go_sooner() -> None:
    clock = Clock()
    pace = pace_on(clock, tokens_per_minute=6100)

    async def scene() -> None:
        await pace.admit(3000, patience=1)
        pace.correct(estimated=3000, used=300)
        await pace.admit(100, patience=1)

    play(scene)

    assert clock.now - 1000 == pytest.approx(3)


def test_a_pause_that_the_server_asked_for_holds_for_all_and_is_not_shortened_by_a_later_one() -> None:
    clock = Clock()
    pace = pace_on(clock)
    pace.hold(20)
    pace.hold(5)

    async def scene() -> bool:
        return await pace.admit(1, patience=30)

    assert play(scene)
    assert clock.now == 1020


def test_whoever_has_less_patience_than_the_pause_is_sent_away_at_once() -> None:
    clock = Clock()
    pace = pace_on(clock)
    pace.hold(20)

    async def scene() -> bool:
        return await pace.admit(1, patience=10)

    assert not play(scene)
    assert clock.now == 1000


def test_a_pause_that_comes_while_others_wait_for_their_turn_holds_for_them() -> None:
    clock = Clock()
    pace = pace_on(clock, requests_per_minute=61)

    async def sleep(seconds: float) -> None:
        pace.hold(100 if clock.now == 1000 else 0)
        await clock.sleep(seconds)

    pace._sleep = sleep  # noqa: SLF001 - the server speaks while somebody sleeps

    async def scene() -> list[bool]:
        return [await pace.admit(1, patience=1000) for _ in range(2)]

    assert play(scene) == [True, True]
    assert clock.now == 1100
