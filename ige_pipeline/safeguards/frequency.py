"""How often is often enough: the gap, the ignored ones, trust, complaints, and caps as rolling windows.

What was sent counts by number, so that somebody who is stored twice is not written to twice as often.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from ige_pipeline.safeguards.finding import Finding, Row, Safeguard, certain_moment, rows_of
from ige_pipeline.safeguards.phone import STATES
from ige_pipeline.safeguards.quiet_rules import state_rules
from ige_pipeline.safeguards.reason import Reason
from ige_pipeline.settings import Settings

DAY, WEEK, THIRTY_DAYS = timedelta(hours=24), timedelta(days=7), timedelta(days=30)
MESSAGE_TYPES = (
    "check_in",
    "milestone_follow_up",
    "resource_suggestion",
    "encouragement",
    "course_correction",
    "celebration",
)


@dataclass(frozen=True)
class Cap:
    """At most so many messages in any window of this length; 0 is no cap. `column` holds how many there were."""

    reason: Reason
    column: str
    window: timedelta
    at_most: int


def undelivered(frame: pd.DataFrame, _settings: Settings, _now: datetime) -> Iterator[tuple[int, Finding]]:
    """A message that still waits counts as contact: nobody gets two at once."""
    for row in rows_of(frame[frame["waiting_message_id"].notna()]):
        yield row.Index, Finding(Reason.UNDELIVERED, observed=f"message {int(row.waiting_message_id)}", limit=None)


def gap(frame: pd.DataFrame, settings: Settings, now: datetime) -> Iterator[tuple[int, Finding]]:
    """At least `min_gap_hours` lie between two messages, and with trust tiers more where there is less trust."""
    hours = _gap_hours(frame, settings)
    wait = pd.to_timedelta(hours, unit="h")
    never = frame["last_message_id"].isna() & frame["last_sent_at"].isna()
    clear = never | (frame["last_sent_at"] <= pd.Timestamp(now) - wait)
    for row, limit in zip(rows_of(frame[~clear]), hours[~clear].tolist(), strict=True):
        last = certain_moment(row.last_sent_at)
        seen = round((now - last).total_seconds() / 3600, 1)
        yield row.Index, Finding(Reason.GAP, observed=seen, limit=limit, clears_at=last + timedelta(hours=limit))


def ignored(frame: pd.DataFrame, settings: Settings, now: datetime) -> Iterator[tuple[int, Finding]]:
    """So many messages in a row without an answer: leave them in peace, counted from the last of them."""
    rest = timedelta(days=settings.ignored_pause_days)
    all_unanswered = (frame["recent_sent"] >= settings.ignored_in_a_row) & (
        frame["recent_unanswered"] >= settings.ignored_in_a_row
    )
    rested = frame["recent_last_sent_at"] <= now - rest
    for row in rows_of(frame[all_unanswered & ~rested]):
        clears = certain_moment(row.recent_last_sent_at) + rest
        seen, limit = int(row.recent_unanswered), settings.ignored_in_a_row
        yield row.Index, Finding(Reason.IGNORED, observed=seen, limit=limit, clears_at=clears)


def low_trust(frame: pd.DataFrame, settings: Settings, _now: datetime) -> Iterator[tuple[int, Finding]]:
    """Trust below the limit blocks; no score yet counts as `trust_without_record`."""
    score = _trust(frame, settings)
    for index, seen in score[score < settings.min_trust_score].items():
        yield int(str(index)), Finding(Reason.LOW_TRUST, observed=int(seen), limit=settings.min_trust_score)


def complaints(frame: pd.DataFrame, settings: Settings, _now: datetime) -> Iterator[tuple[int, Finding]]:
    """Negative feedback and ignored suggestions, so many within days: wait until the window holds fewer."""
    window = timedelta(days=settings.complaints_days)
    for row in rows_of(frame[frame["complaints"] >= settings.complaints_at_most]):
        clears = certain_moment(row.complained_at) + window
        seen, limit = int(row.complaints), settings.complaints_at_most
        yield row.Index, Finding(Reason.COMPLAINTS, observed=seen, limit=limit, clears_at=clears)


def caps(frame: pd.DataFrame, settings: Settings, _now: datetime) -> Iterator[tuple[int, Finding]]:
    """So many messages in a day, a week and thirty days, whatever they were about."""
    for cap in caps_of(settings):
        for row in rows_of(frame[frame[cap.column] >= cap.at_most] if cap.at_most else frame[:0]):
            seen = int(getattr(row, cap.column))
            clears = _times(row)[cap.at_most - 1] + cap.window
            yield row.Index, Finding(cap.reason, observed=seen, limit=cap.at_most, clears_at=clears)


def caps_of(settings: Settings) -> tuple[Cap, ...]:
    """Return the caps that hold for messages of all types together."""
    return (
        Cap(Reason.CAP_DAY, "sent_day", DAY, settings.cap_per_day),
        Cap(Reason.CAP_WEEK, "sent_week", WEEK, settings.cap_per_week),
        Cap(Reason.CAP_30_DAYS, "sent_30_days", THIRTY_DAYS, settings.cap_per_30_days),
    )


def cap_of_type(frame: pd.DataFrame, settings: Settings, now: datetime) -> Iterator[tuple[int, Finding]]:
    """So many messages of one type in a week. A type that we do not know counts as every type."""
    at_most = settings.cap_per_type_per_week
    for row in rows_of(frame[frame["sent_week"] >= at_most] if at_most else frame[:0]):
        same = [
            moment
            for moment, kind in zip(_times(row), row.recent_types, strict=True)
            if moment > now - WEEK and (kind == row.message_type or row.message_type not in MESSAGE_TYPES)
        ]
        if len(same) >= at_most:
            clears = same[at_most - 1] + WEEK
            yield row.Index, Finding(Reason.CAP_TYPE, observed=len(same), limit=at_most, clears_at=clears)


def cap_of_state(frame: pd.DataFrame, settings: Settings, _now: datetime) -> Iterator[tuple[int, Finding]]:
    """So many messages in 24 hours where a state's law says so, by the state that gave out the number.

    The laws count messages on one subject; we count all, which can only be stricter.
    """
    limits = {state: rule.at_most_in_24_hours for state, rule in state_rules().items() if rule.at_most_in_24_hours}
    states = frame["phone_state"]
    if not states[states.notna()].isin(list(STATES.values())).all():
        raise ValueError("A number's state is none of the US.")
    limit = states.map(limits) if settings.state_rules else pd.Series(float("nan"), index=frame.index)
    for row in rows_of(frame[frame["sent_day"] >= limit.astype("float64")]):
        at_most, rule = int(limit[row.Index]), state_rules()[row.phone_state]
        clears = _times(row)[at_most - 1] + DAY
        said = f"{at_most} in 24 hours ({rule.statute})"
        yield row.Index, Finding(Reason.CAP_STATE, observed=int(row.sent_day), limit=said, clears_at=clears)


def _gap_hours(frame: pd.DataFrame, settings: Settings) -> "pd.Series[float]":
    hours = pd.Series(float(settings.min_gap_hours), index=frame.index)
    if not settings.trust_tiers:
        return hours
    score, tiers = _trust(frame, settings), pd.Series(settings.gap_days_trust_20, index=frame.index, dtype="float64")
    for at_least, days in (
        (40, settings.gap_days_trust_40),
        (60, settings.gap_days_trust_60),
        (80, settings.gap_days_trust_80),
    ):
        tiers = tiers.mask(score >= at_least, days)
    return hours.combine(tiers * 24, max)


def _trust(frame: pd.DataFrame, settings: Settings) -> "pd.Series[float]":
    return frame["trust_score"].astype("float64").fillna(settings.trust_without_record)


def _times(row: Row) -> list[Any]:
    """When the last messages were sent, the newest first; there must be as many as were counted."""
    times = list(row.recent_times)
    if len(times) < row.sent_30_days or any(pd.isna(each) for each in times):
        raise ValueError("More messages were counted than there are times.")
    return times


FREQUENCY = (
    Safeguard(undelivered, needs=(), reads=("waiting_message_id",)),
    Safeguard(gap, needs=(), reads=("last_message_id", "last_sent_at", "trust_score")),
    Safeguard(ignored, needs=("recent_sent", "recent_unanswered"), reads=("recent_last_sent_at",)),
    Safeguard(low_trust, needs=(), reads=("trust_score",)),
    Safeguard(complaints, needs=("complaints",), reads=("complained_at",)),
    Safeguard(caps, needs=("sent_day", "sent_week", "sent_30_days"), reads=("recent_times",)),
    Safeguard(
        cap_of_type, needs=("sent_week",), reads=("sent_30_days", "recent_times", "recent_types", "message_type")
    ),
    Safeguard(cap_of_state, needs=("sent_day",), reads=("sent_30_days", "phone_state", "recent_times")),
)
