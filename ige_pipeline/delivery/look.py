"""The last look before requests leave: what it found, and for how long it holds."""

from dataclasses import dataclass
from datetime import datetime

GOOD_FOR_S = 0.25
"""Seconds for which a look holds once its answer is here: what has not left by then is looked at again."""
AT_MOST_S = 2.0
"""Seconds after which it holds no longer, however long the answer took: what it saw may be as old as the question."""

LOOKS = 5
"""How often a message is looked at that could not leave in time."""


@dataclass(frozen=True)
class LastLook:
    """What was found right before requests leave: the database's now, and the messages whose lease is still ours.

    `until`: when it is too old, by the clock of `elapsed`. `opted_out`: messages to numbers that opted out since the
    safeguards were asked.
    """

    now: datetime
    until: float
    stopped: bool
    leased: frozenset[int]
    opted_out: frozenset[int] = frozenset()


def good_until(*, asked: float, answered: float) -> float:
    """Return until when a look holds (seconds of one clock, as the two moments are).

    A database far away must not make every look too old, nor one that hangs let through what was stopped meanwhile.
    """
    return min(answered + GOOD_FOR_S, asked + AT_MOST_S)
