"""One reason against one message, and the shape of every safeguard that gives one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

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


Row = Any  # one row of the frame, as a named tuple
Check = Callable[[pd.DataFrame, Settings, datetime], Iterator[tuple[int, Finding]]]


@dataclass(frozen=True)
class Safeguard:
    """A check, the facts that must be there for it to say anything, and those of which none is an answer, too."""

    check: Check
    needs: tuple[str, ...]
    reads: tuple[str, ...] = ()


def rows_of(frame: pd.DataFrame) -> Iterator[Row]:
    """Walk over a frame's rows as named tuples, `Index` among them."""
    # The tuples' class alone takes longer to make than a safeguard to find nothing.
    return iter(frame.itertuples()) if len(frame) else iter(())


def moment_of(value: Any) -> datetime | None:
    """Return a cell's time, None where it is empty."""
    return None if pd.isna(value) else value.to_pydatetime()


def certain_moment(value: Any) -> datetime:
    """Return a cell's time; ValueError where it is empty, which counts as not evaluated."""
    moment = moment_of(value)
    if moment is None:
        raise ValueError("A time is missing that a safeguard needs.")
    return moment


def iso(moment: datetime | None) -> str | None:
    """Write a time as ISO 8601, None for none."""
    return None if moment is None else moment.isoformat()
