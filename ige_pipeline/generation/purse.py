"""What may be spent on a model: money is set aside before each call, so that no number of calls at once overshoots.

All sums are USD. Where they come from is a function; it takes them from limits that all runs share.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

# So many calls' worth is fetched at once: asking Postgres before each call would cost more than a template.
_AHEAD = 8


@dataclass(frozen=True, slots=True)
class Grant:
    """What was granted; zero says why: the limit that is reached, by the name of its reason."""

    usd: Decimal
    reason: str = ""


Fetch = Callable[[Decimal, Decimal], Awaitable[Grant]]
"""(needed, wanted) → at most what is wanted, and nothing where less than what is needed is left."""


class Purse:
    """Money for the calls of one run. Use it within one event loop.

    When a limit is reached, calls under way are waited for: most take less than was set aside, and what they leave
    pays for others. Only when none is under way and the next cannot be paid, nothing more is asked.
    """

    def __init__(self, fetch: Fetch) -> None:
        self.reached = ""
        self._fetch = fetch
        self._idle = Decimal(0)
        self._under_way = 0
        self._turn, self._freed = asyncio.Lock(), asyncio.Event()

    async def set_aside(self, usd: Decimal) -> str:
        """Set the most that a call can cost aside; return "" or the reason why it must not be made."""
        async with self._turn:
            while self._idle < usd and not self.reached:
                await self._fill(usd)
            if self.reached:
                return self.reached
            self._idle -= usd
            self._under_way += 1
            return ""

    async def _fill(self, usd: Decimal) -> None:
        grant = await self._fetch(usd - self._idle, usd * _AHEAD)
        self._idle += grant.usd
        if grant.usd or self._idle >= usd:
            return
        if self._under_way:
            self._freed.clear()
            await self._freed.wait()
        else:
            self.reached = grant.reason

    def settle(self, *, set_aside: Decimal, spent: Decimal) -> None:
        """Say what a call took in the end."""
        self._under_way -= 1
        self._idle += set_aside - spent
        self._freed.set()

    @property
    def left(self) -> Decimal:
        """What was fetched and not spent; below zero where a call took more than was set aside."""
        return self._idle


async def _unlimited(_needed: Decimal, wanted: Decimal) -> Grant:
    return Grant(wanted)


def bottomless() -> Purse:
    """Return a purse that pays for everything."""
    return Purse(_unlimited)
