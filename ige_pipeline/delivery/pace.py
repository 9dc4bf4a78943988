"""The moments of the pace that one run holds: when the next POST may start, and what becomes of those that are late."""

import time
from dataclasses import dataclass

NEAR_S = 0.002
"""Moments nearer to one another than this (seconds) are one: no two computers agree on less."""

# Linux: goes on while the machine sleeps, too, which a lease in the database does as well.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def elapsed() -> float:
    """Return seconds since some moment in the past; they pass while the process, or the machine, is suspended."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


@dataclass
class Moments:
    """So many moments, `apart_s` from one another (seconds), the first at `first` by a clock that the caller reads."""

    apart_s: float
    first: float = 0.0
    held: int = 0

    @property
    def matter(self) -> bool:
        """Whether the pace is so slow that two starts can be told apart at all."""
        return self.apart_s > NEAR_S

    @property
    def end(self) -> float:
        """When the last of them is over, by the caller's clock."""
        return self.first + self.held * self.apart_s

    def hold(self, count: int, *, first: float) -> None:
        """Have so many."""
        self.held, self.first = count, first

    def drop(self) -> None:
        """Have none."""
        self.held = 0

    def late(self, now: float) -> bool:
        """Whether the first has passed by so much that the one after it would follow too soon."""
        return self.held > 0 and self.matter and now - self.first > NEAR_S

    def come(self, now: float) -> int:
        """How many have come. What is late makes all after it as late, so that they stay apart."""
        self.first = max(self.first, now - NEAR_S)
        return min(self.held, int((now - self.first) / self.apart_s) + 1) if self.held and self.first <= now else 0

    def use(self, count: int) -> None:
        """So many of the first ones have a POST that starts in them."""
        self.held, self.first = self.held - count, self.first + count * self.apart_s
