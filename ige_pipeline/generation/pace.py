"""How fast a model may be asked: so many calls and tokens a minute, first come, first served.

When the server asks for a pause, all wait. Times are seconds of `clock`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

# What one second refills may go at once. With the rest spread over 60 of 61 parts, no minute holds more than its limit.
_PARTS = 61


class Pace:
    """Admits calls one after the other; a limit of 0 is none. Use it within one event loop at a time.

    A call may be larger than what a second refills: it goes when that much is there, and those behind it wait longer.
    """

    def __init__(
        self,
        *,
        requests_per_minute: float = 0,
        tokens_per_minute: float = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._requests = _Bucket(requests_per_minute, clock())
        self._tokens = _Bucket(tokens_per_minute, clock())
        self._held_until = clock()
        self._turn = asyncio.Lock()

    def begin(self) -> None:
        """Start in a new event loop: a lock belongs to the loop in which it was first waited for."""
        self._turn = asyncio.Lock()

    async def admit(self, tokens: float, *, patience: float) -> bool:
        """Wait for this call's turn; False, and nothing taken, where the server's pause is longer than `patience`."""
        async with self._turn:
            while True:
                now = self._clock()
                if self._held_until - now > patience:
                    return False
                wait = max(self._held_until - now, self._requests.wait(1, now), self._tokens.wait(tokens, now))
                if wait <= 0:
                    break
                await self._sleep(wait)
            self._requests.take(1)
            self._tokens.take(tokens)
            return True

    def correct(self, *, estimated: float, used: float) -> None:
        """Give back what a call was thought to take and did not, or take what it took beyond that."""
        self._tokens.take(used - estimated)

    def hold(self, seconds: float) -> None:
        """Admit nobody for so long: the server asked for it."""
        self._held_until = max(self._held_until, self._clock() + seconds)


class _Bucket:
    """Holds at most what one second refills, and one call at least; may be in debt."""

    def __init__(self, per_minute: float, now: float) -> None:
        self._rate = per_minute / _PARTS
        self._holds = self._level = max(1.0, self._rate)
        self._seen = now

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until `amount`, or all that it can hold, is there; a limit of 0 never waits."""
        if self._rate == 0:
            return 0.0
        self._level = min(self._holds, self._level + (now - self._seen) * self._rate)
        self._seen = now
        missing = min(amount, self._holds) - self._level
        # A hair of rounding must not cost a round of sleeping for no time at all.
        return missing / self._rate if missing > 1e-9 * self._holds else 0.0

    def take(self, amount: float) -> None:
        """Take it, into debt if need be."""
        self._level = min(self._holds, self._level - amount)
