"""The rows of a frame that nothing but the hour can speak against, found a column at a time.

Most of a batch is plain, and a look at each row by each safeguard costs 20 µs. This is a sieve and no second law: what
it lets through, the safeguards find nothing against (a test holds it to that); what it keeps back, they judge.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ige_pipeline.safeguards.finding import missing
from ige_pipeline.safeguards.phone import STATES, PhoneVerdict
from ige_pipeline.safeguards.recipient import FACTS, SAFEGUARDS
from ige_pipeline.settings import Settings

Flags = npt.NDArray[np.bool_]
_NEEDED = sorted({name for safeguard in SAFEGUARDS for name in safeguard.needs})
_STATES = frozenset(STATES.values())


def plain(frame: pd.DataFrame, settings: Settings, *, now: datetime) -> Flags:
    """Return for each row whether it is certain that no safeguard but quiet hours has anything to say.

    `frame` has the columns that recipient.py names; where one is missing, or holds other than it should, no row is.
    """
    if not {*FACTS, "promised"} <= set(frame.columns):
        return np.zeros(len(frame), dtype=bool)
    try:
        return _told(frame) & _rights(frame, settings) & _rest(frame, settings, now)
    except (TypeError, ValueError):
        return np.zeros(len(frame), dtype=bool)


def _told(frame: pd.DataFrame) -> Flags:
    """Whatever a safeguard needs is there, also where a setting would make it needless."""
    return frame[_NEEDED].notna().all(axis=1).to_numpy()


def _rights(frame: pd.DataFrame, settings: Settings) -> Flags:
    """Known, unchanged, not paused, with a number that may be texted."""
    given = _all(frame["consent"], lambda said: said == "given")
    if settings.consent_basis.strip() or _is(frame["consent_needed"], flag=False).all():
        given |= _all(frame["consent"], lambda said: said == "none")
    return (
        _is(frame["known"], flag=True)
        & _is(frame["suppressed"], flag=False)
        & _is(frame["paused"], flag=False)
        & _is(frame["changed_since"], flag=False)
        & _all(frame["promised"], lambda said: said is True or said is False)
        & _all(frame["phone_verdict"], lambda said: said == PhoneVerdict.POSSIBLE.value)
        & _all(frame["timezone"], lambda zone: missing(zone) or isinstance(zone, str))
        & _all(frame["phone_zones"], lambda zones: missing(zones) or isinstance(zones, str))
        & _all(frame["phone_state"], lambda state: missing(state) or state in _STATES)
        & given
    )


def _rest(frame: pd.DataFrame, settings: Settings, now: datetime) -> Flags:
    """Nothing waits, the widest gap has passed, and every count lies below the least of its limits."""
    waits = timedelta(hours=settings.min_gap_hours)
    if settings.trust_tiers:
        waits = max(waits, timedelta(days=max(_tiers(settings))))
    last = frame["last_sent_at"]
    never = (frame["last_message_id"].isna() & last.isna()).to_numpy()
    trust = frame["trust_score"].astype("float64").fillna(settings.trust_without_record)
    return (
        frame["waiting_message_id"].isna().to_numpy()
        & (never | (last <= pd.Timestamp(now) - waits).to_numpy())
        & _below(frame["recent_unanswered"], settings.ignored_in_a_row)
        & _below(frame["recent_sent"], np.inf)
        & (trust >= settings.min_trust_score).to_numpy()
        & _below(frame["complaints"], settings.complaints_at_most)
        # A state's law may allow one in 24 hours.
        & _below(frame["sent_day"], 1)
        & _below(frame["sent_week"], min(_cap(settings.cap_per_week), _cap(settings.cap_per_type_per_week)))
        & _below(frame["sent_30_days"], _cap(settings.cap_per_30_days))
    )


def _tiers(settings: Settings) -> tuple[float, ...]:
    return (
        settings.gap_days_trust_80,
        settings.gap_days_trust_60,
        settings.gap_days_trust_40,
        settings.gap_days_trust_20,
    )


def _cap(at_most: int) -> float:
    """Return a cap as a limit that is not reached; 0 is no cap."""
    return at_most or np.inf


def _below(column: "pd.Series[Any]", limit: float) -> Flags:
    """An empty cell is below nothing."""
    return (column.astype("float64") < limit).to_numpy()


def _is(column: "pd.Series[Any]", *, flag: bool) -> Flags:
    """One is not true: a flag is a flag or stands against sending."""
    if column.dtype == bool:
        return (column == flag).to_numpy()
    return _all(column, lambda said: said is flag)


def _all(column: "pd.Series[Any]", holds: Callable[[Any], bool]) -> Flags:
    return np.fromiter(map(holds, column.tolist()), dtype=bool, count=len(column))
