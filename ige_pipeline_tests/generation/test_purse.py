"""However many calls are made at once, together they never take more than the limit."""

import asyncio
import random
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from ige_pipeline.generation.purse import Grant, Purse, bottomless


class Limit:
    """A limit that is kept to the cent; says how much was taken."""

    def __init__(self, usd: int) -> None:
        self.usd, self.taken = Decimal(usd), Decimal(0)

    async def fetch(self, needed: Decimal, wanted: Decimal) -> Grant:
        await asyncio.sleep(0)
        left = self.usd - self.taken
        if left < needed:
            return Grant(Decimal(0), "spend_per_batch")
        granted = max(needed, min(wanted, left))
        self.taken += granted
        return Grant(granted)


async def calls(purse: Purse, costs: list[tuple[int, int]], *, at_once: int, seed: int = 0) -> list[str]:
    """Make calls that may take (at most, really) so much; return why each was not made."""
    slots, chance = asyncio.Semaphore(at_once), random.Random(seed)  # noqa: S311 - an order, not a secret

    async def one(at_most: int, really: int) -> str:
        async with slots:
            if reason := await purse.set_aside(Decimal(at_most)):
                return reason
            for _ in range(chance.randint(0, 5)):
                await asyncio.sleep(0)
            purse.settle(set_aside=Decimal(at_most), spent=Decimal(really))
            return ""

    return list(await asyncio.gather(*(one(*cost) for cost in costs)))


COSTS = st.lists(st.integers(1, 50).flatmap(lambda most: st.tuples(st.just(most), st.integers(0, most))), max_size=60)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 500), COSTS, st.integers(1, 20), st.integers(0, 9))
def test_no_number_of_calls_at_once_takes_more_than_the_limit(
    usd: int, costs: list[tuple[int, int]], at_once: int, seed: int
) -> None:
    limit = Limit(usd)
    purse = Purse(limit.fetch)

    refused = asyncio.run(asyncio.wait_for(calls(purse, costs, at_once=at_once, seed=seed), 10))

    spent = sum(really for (_, really), reason in zip(costs, refused, strict=True) if not reason)
    assert limit.taken - purse.left == spent
    assert limit.taken <= limit.usd


def test_what_calls_leave_of_what_was_set_aside_pays_for_others() -> None:
    purse = Purse(Limit(20).fetch)

    # Ten are set aside for each, so that two would empty it; each takes one, and the eleventh is the last that fits.
    refused = asyncio.run(calls(purse, [(10, 1)] * 11, at_once=5))

    assert refused == [""] * 11


def test_once_a_limit_is_reached_nothing_more_is_asked() -> None:
    limit = Limit(25)
    purse = Purse(limit.fetch)

    refused = asyncio.run(calls(purse, [(10, 10)] * 5 + [(1, 1)], at_once=2))

    assert refused == ["", "", "spend_per_batch", "spend_per_batch", "spend_per_batch", "spend_per_batch"]
    assert purse.left == 5


def test_a_call_that_took_more_than_was_set_aside_is_made_good() -> None:
    limit = Limit(100)
    purse = Purse(limit.fetch)

    asyncio.run(calls(purse, [(1, 30), (1, 1)], at_once=1))

    assert limit.taken - purse.left == 31


def test_without_a_limit_everything_is_paid_for() -> None:
    assert asyncio.run(calls(bottomless(), [(1000, 1000)] * 30, at_once=30)) == [""] * 30
