"""Whether the pace keeps up with what arrives, and when the backlog would be gone. Values in, values out."""

import math
from dataclasses import dataclass
from typing import Any

from ige_pipeline.settings import Settings

LOOKS_EVERY_S = 30
"""How often the sensor looks whether a delivery run is wanted."""
RUNS_AT_ONCE = 2
"""So many delivery runs share the pace; the run queue's limit in `dagster.yaml` says the same."""
SHORTEST_RUN_S, LONGEST_RUN_S = 600, 3000
"""No delivery run is ended before, and none goes on for longer, however many messages it may post."""


def sustained_per_second(settings: Settings) -> float:
    """Return how many leave in a second, hour after hour, while more is due than the runs that work may take.

    While one run ends and the next, which waits in the queue, starts, the other keeps up the pace. Each look of the
    sensor puts one run into the queue at most.
    """
    return min(settings.messages_per_second, settings.max_messages_per_run / LOOKS_EVERY_S)


def clears_in_time(settings: Settings) -> int:
    """Return how many can leave before they expire, outside of the quiet hours that are the same for everybody."""
    days, rest = divmod(settings.expire_after_hours, 24)
    open_hours = settings.quiet_from_hour - settings.quiet_until_hour
    return math.floor(sustained_per_second(settings) * 3600 * (days * open_hours + min(rest, open_hours)))


@dataclass(frozen=True)
class Forecast:
    """Messages due or waiting, how many arrive an hour (the last day's average), and how many leave a second."""

    unsent: int
    arrivals_per_hour: float
    per_second: float

    @property
    def pace_per_hour(self) -> float:
        """The most that can be posted in an hour."""
        return self.per_second * 3600

    @property
    def keeps_up(self) -> bool:
        """Whether no more arrives than can leave."""
        return self.arrivals_per_hour <= self.pace_per_hour

    @property
    def clears_in_hours(self) -> float | None:
        """Hours until nothing is left, None where that is never."""
        if self.unsent == 0:
            return 0.0
        spare = self.pace_per_hour - self.arrivals_per_hour
        return self.unsent / spare if spare > 0 else None

    def as_json(self) -> dict[str, Any]:
        """Return it as numbers for scripts."""
        hours = self.clears_in_hours
        return {
            "arrivals_per_hour": round(self.arrivals_per_hour, 1),
            "pace_per_hour": round(self.pace_per_hour, 1),
            "keeps_up": self.keeps_up,
            "clears_in_hours": None if hours is None else round(hours, 2),
        }

    def __str__(self) -> str:
        rates = f"{self.arrivals_per_hour:,.0f} an hour arrive and {self.pace_per_hour:,.0f} can leave"
        hours = self.clears_in_hours
        if hours is None:
            return f"{rates}: the backlog never clears; raise messages_per_second, or let fewer messages through"
        return f"{rates}: the backlog clears in {_span(hours)}" if self.unsent else rates


def _span(hours: float) -> str:
    return f"{hours * 60:.0f} min" if hours < 2 else f"{hours:,.0f} h"  # noqa: PLR2004 - a matter of reading


def ended_after_s(settings: Settings) -> int:
    """Return after how many seconds a delivery run that is still at work hangs, and is ended.

    What it may rightly take is its messages at its share of the pace, or the slots full of answers that never come,
    whichever is longer; half as much again and two minutes for Dagster's start, the safeguards and a slow database.
    """
    messages, slots = settings.max_messages_per_run, settings.delivery_concurrency
    at_their_pace = messages * RUNS_AT_ONCE / settings.messages_per_second
    posting = max(at_their_pace, messages / slots * settings.post_timeout_seconds)
    rightly = 1.5 * (posting + settings.post_timeout_seconds) + 120
    return round(min(max(rightly, SHORTEST_RUN_S), LONGEST_RUN_S))
