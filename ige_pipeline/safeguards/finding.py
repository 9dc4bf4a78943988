"""One reason against one message, and the shape of every safeguard that gives one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ige_pipeline.safeguards.reason import Reason
from ige_pipeline.settings import Settings


@dataclass(frozen=True)
class Finding:
    """One reason against one message: what was seen, what the limit is, and when it clears by itself, if it does."""

    reason: Reason
    observed: Any
    limit: Any
    clears_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Write it as the ledger keeps it."""
        seen = {"reason": self.reason.value, "observed": self.observed, "limit": self.limit}
        return seen if self.clears_at is None else seen | {"clears_at": self.clears_at.isoformat()}


Row = Mapping[str, Any]
"""What is known of one candidate and its contractor, by column of facts.sql, as plain values."""
Check = Callable[[Row, Settings, datetime], Iterable[Finding]]

NOTHING: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Safeguard:
    """A check, the facts that must be there for it to say anything, and those of which none is an answer, too."""

    check: Check
    needs: tuple[str, ...]
    reads: tuple[str, ...] = ()


def missing(value: Any) -> bool:
    """Whether a cell is empty: None, or what a frame makes of it, which is never equal to itself."""
    return value is None or bool(value != value)  # noqa: PLR0124 - NaN and NaT


def moment_of(value: Any) -> datetime | None:
    """Return a cell's time, None where it is empty."""
    if missing(value):
        return None
    if not isinstance(value, datetime):
        raise TypeError("A time is none.")
    return value


def certain_moment(value: Any) -> datetime:
    """Return a cell's time; ValueError where it is empty, which counts as not evaluated."""
    moment = moment_of(value)
    if moment is None:
        raise ValueError("A time is missing that a safeguard needs.")
    return moment


def iso(moment: datetime | None) -> str | None:
    """Write a time as ISO 8601, None for none."""
    return None if moment is None else moment.isoformat()
