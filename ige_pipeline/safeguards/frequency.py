"""How often is often enough: the gap, the ignored ones, trust, complaints, and caps as rolling windows.

All of it counts by number, so that somebody who is stored twice is not written to twice as often, nor in one name what
they would be spared in the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ige_pipeline.safeguards.finding import NOTHING, Finding, Row, Safeguard, certain_moment, missing
from ige_pipeline.safeguards.quiet_rules import rule_of
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
    """At most so many messages in any window of this length. `column` holds how many there were."""

    reason: Reason
    column: str
    window: timedelta
    setting: str

    def at_most(self, settings: Settings) -> int:
        """Return how many; 0 is no cap."""
        number: int = getattr(settings, self.setting)
        return number


CAPS = (
    Cap(Reason.CAP_DAY, "sent_day", DAY, "cap_per_day"),
    Cap(Reason.CAP_WEEK, "sent_week", WEEK, "cap_per_week"),
    Cap(Reason.CAP_30_DAYS, "sent_30_days", THIRTY_DAYS, "cap_per_30_days"),
)
"""The caps that hold for messages of all types together."""


def undelivered(row: Row, _settings: Settings, _now: datetime) -> Iterable[Finding]:
    """A message that still waits counts as contact: nobody gets two at once."""
    if missing(waiting := row["waiting_message_id"]):
        return NOTHING
    return (Finding(Reason.UNDELIVERED, observed=f"message {int(waiting)}", limit=None),)


def gap(row: Row, settings: Settings, now: datetime) -> Iterable[Finding]:
    """At least `min_gap_hours` lie between two messages, and with trust tiers more where there is less trust."""
    limit = _gap_hours(row, settings)
    if missing(row["last_message_id"]) and missing(row["last_sent_at"]):
        return NOTHING
    last, wait = certain_moment(row["last_sent_at"]), timedelta(hours=limit)
    if last <= now - wait:
        return NOTHING
    seen = round((now - last).total_seconds() / 3600, 1)
    return (Finding(Reason.GAP, observed=seen, limit=limit, clears_at=last + wait),)


def ignored(row: Row, settings: Settings, now: datetime) -> Iterable[Finding]:
    """So many messages in a row without an answer: leave them in peace, counted from the last of them."""
    limit, seen = settings.ignored_in_a_row, row["recent_unanswered"]
    if row["recent_sent"] < limit or seen < limit:
        return NOTHING
    clears = certain_moment(row["recent_last_sent_at"]) + timedelta(days=settings.ignored_pause_days)
    return (Finding(Reason.IGNORED, observed=int(seen), limit=limit, clears_at=clears),) if clears > now else NOTHING


def low_trust(row: Row, settings: Settings, _now: datetime) -> Iterable[Finding]:
    """Trust below the limit blocks; no score yet counts as `trust_without_record`."""
    score = _trust(row, settings)
    if score >= settings.min_trust_score:
        return NOTHING
    return (Finding(Reason.LOW_TRUST, observed=int(score), limit=settings.min_trust_score),)


def complaints(row: Row, settings: Settings, _now: datetime) -> Iterable[Finding]:
    """Negative feedback and ignored suggestions, so many within days: wait until the window holds fewer."""
    seen, limit = row["complaints"], settings.complaints_at_most
    if seen < limit:
        return NOTHING
    clears = certain_moment(row["complained_at"]) + timedelta(days=settings.complaints_days)
    return (Finding(Reason.COMPLAINTS, observed=int(seen), limit=limit, clears_at=clears),)


def caps(row: Row, settings: Settings, _now: datetime) -> Iterable[Finding]:
    """So many messages in a day, a week and thirty days, whatever they were about."""
    reached = [cap for cap in CAPS if row[cap.column] >= cap.at_most(settings) > 0]
    if not reached:
        return NOTHING
    times = _times(row)
    return [
        Finding(
            cap.reason,
            observed=int(row[cap.column]),
            limit=cap.at_most(settings),
            clears_at=times[cap.at_most(settings) - 1] + cap.window,
        )
        for cap in reached
    ]


def cap_of_type(row: Row, settings: Settings, now: datetime) -> Iterable[Finding]:
    """So many messages of one type in a week. A type that we do not know counts as every type."""
    at_most, mine = settings.cap_per_type_per_week, row["message_type"]
    if not at_most or row["sent_week"] < at_most:
        return NOTHING
    same = [
        moment
        for moment, kind in zip(_times(row), row["recent_types"], strict=True)
        if moment > now - WEEK and (kind == mine or mine not in MESSAGE_TYPES)
    ]
    if len(same) < at_most:
        return NOTHING
    return (Finding(Reason.CAP_TYPE, observed=len(same), limit=at_most, clears_at=same[at_most - 1] + WEEK),)


def cap_of_state(row: Row, settings: Settings, _now: datetime) -> Iterable[Finding]:
    """So many messages in 24 hours where a state's law says so, by the state that gave out the number.

    The laws count messages on one subject; we count all, which can only be stricter.
    """
    state = row["phone_state"]
    rule = None if missing(state) else rule_of(settings, state)
    at_most = rule and rule.at_most_in_24_hours
    if rule is None or not at_most or row["sent_day"] < at_most:
        return NOTHING
    said = f"{at_most} in 24 hours ({rule.statute})"
    clears = _times(row)[at_most - 1] + DAY
    return (Finding(Reason.CAP_STATE, observed=int(row["sent_day"]), limit=said, clears_at=clears),)


def _gap_hours(row: Row, settings: Settings) -> float:
    hours = float(settings.min_gap_hours)
    if not settings.trust_tiers:
        return hours
    score = _trust(row, settings)
    tiers = (
        (80, settings.gap_days_trust_80),
        (60, settings.gap_days_trust_60),
        (40, settings.gap_days_trust_40),
    )
    days = next((days for at_least, days in tiers if score >= at_least), settings.gap_days_trust_20)
    return max(hours, days * 24)


def _trust(row: Row, settings: Settings) -> float:
    score = row["trust_score"]
    return float(settings.trust_without_record if missing(score) else score)


def _times(row: Row) -> list[datetime]:
    """When the last messages were sent, the newest first; there must be as many as were counted."""
    times = [certain_moment(each) for each in row["recent_times"]]
    if len(times) < row["sent_30_days"]:
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
