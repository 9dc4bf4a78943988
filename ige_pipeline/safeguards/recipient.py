"""Whether contractors may be contacted: pure functions over a frame of facts, one row a contractor and candidate.

The frame's columns (see facts.sql): known bool, phone str?, timezone str?, paused bool, paused_until,
waiting_message_id int?, last_message_id int?, last_sent_at, recent_sent int, recent_unanswered int,
recent_last_sent_at, trust_score int?, promised bool, changed_since bool; times are UTC. A flag that is neither true nor
false stands against sending, and so does a message whose time is missing.
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta

import pandas as pd

from ige_pipeline.safeguards.finding import Finding, Safeguard, certain_moment, iso, moment_of, rows_of
from ige_pipeline.safeguards.phone import PhoneVerdict, read_phone
from ige_pipeline.safeguards.quiet_hours import first_allowed, zones_of
from ige_pipeline.safeguards.reason import RULES, Reason
from ige_pipeline.settings import Settings


def unknown_contractor(frame: pd.DataFrame, _settings: Settings, _now: datetime) -> Iterator[tuple[int, Finding]]:
    """Nobody can be written to whose row is gone."""
    for row in rows_of(frame[frame["known"].ne(other=True)]):
        yield row.Index, Finding(Reason.UNKNOWN_CONTRACTOR, observed=None, limit="a row in contractors")


def phone(frame: pd.DataFrame, settings: Settings, _now: datetime) -> Iterator[tuple[int, Finding]]:
    """A number must be there and possible; a local one without area code passes unless the check is strict."""
    allowed = {PhoneVerdict.POSSIBLE} if settings.phone_check == "strict" else _DIALLABLE
    for row in rows_of(frame):
        verdict = read_phone(row.phone if isinstance(row.phone, str) else None, region=settings.default_region).verdict
        if verdict not in allowed:
            reason = Reason.NO_PHONE if verdict is PhoneVerdict.NONE else Reason.IMPOSSIBLE_PHONE
            yield row.Index, Finding(reason, observed=verdict.value, limit=f"a number of {settings.default_region}")


def paused(frame: pd.DataFrame, _settings: Settings, now: datetime) -> Iterator[tuple[int, Finding]]:
    """A pause holds until its end; without an end, until somebody lifts it."""
    lifted = frame["paused_until"] <= now
    for row in rows_of(frame[frame["paused"].ne(other=False) & ~lifted]):
        until = moment_of(row.paused_until)
        yield row.Index, Finding(Reason.PAUSED, observed=iso(until) or "no end", limit=None, clears_at=until)


def undelivered(frame: pd.DataFrame, _settings: Settings, _now: datetime) -> Iterator[tuple[int, Finding]]:
    """A message that still waits counts as contact: nobody gets two at once."""
    for row in rows_of(frame[frame["waiting_message_id"].notna()]):
        yield row.Index, Finding(Reason.UNDELIVERED, observed=f"message {int(row.waiting_message_id)}", limit=None)


def gap(frame: pd.DataFrame, settings: Settings, now: datetime) -> Iterator[tuple[int, Finding]]:
    """At least `min_gap_hours` lie between two messages."""
    wait = timedelta(hours=settings.min_gap_hours)
    never = frame["last_message_id"].isna() & frame["last_sent_at"].isna()
    clear = never | (frame["last_sent_at"] <= now - wait)
    for row in rows_of(frame[~clear]):
        last = certain_moment(row.last_sent_at)
        hours = round((now - last).total_seconds() / 3600, 1)
        yield row.Index, Finding(Reason.GAP, observed=hours, limit=settings.min_gap_hours, clears_at=last + wait)


def ignored(frame: pd.DataFrame, settings: Settings, now: datetime) -> Iterator[tuple[int, Finding]]:
    """So many messages in a row without an answer: leave them in peace, counted from the last of them."""
    rest = timedelta(days=settings.ignored_pause_days)
    all_unanswered = (frame["recent_sent"] >= settings.ignored_in_a_row) & (
        frame["recent_unanswered"] >= settings.ignored_in_a_row
    )
    rested = frame["recent_last_sent_at"] <= now - rest
    for row in rows_of(frame[all_unanswered & ~rested]):
        clears = certain_moment(row.recent_last_sent_at) + rest
        yield (
            row.Index,
            Finding(
                Reason.IGNORED,
                observed=int(row.recent_unanswered),
                limit=settings.ignored_in_a_row,
                clears_at=clears,
            ),
        )


def low_trust(frame: pd.DataFrame, settings: Settings, _now: datetime) -> Iterator[tuple[int, Finding]]:
    """Trust below the limit blocks; no score yet counts as `trust_without_record`."""
    score = frame["trust_score"].astype("float64").fillna(settings.trust_without_record)
    for index, seen in score[score < settings.min_trust_score].items():
        yield int(str(index)), Finding(Reason.LOW_TRUST, observed=int(seen), limit=settings.min_trust_score)


def changed_since(frame: pd.DataFrame, _settings: Settings, _now: datetime) -> Iterator[tuple[int, Finding]]:
    """A backfill sees rows as they are now; one that changed after its hour says nothing about that hour."""
    for row in rows_of(frame[frame["changed_since"].ne(other=False)]):
        yield row.Index, Finding(Reason.CHANGED_SINCE, observed="changed after as-of", limit="unchanged since as-of")


def quiet_hours(frame: pd.DataFrame, settings: Settings, now: datetime) -> Iterator[tuple[int, Finding]]:
    """Outside of the allowed hours of their own day a message waits; it is not lost."""
    start, end = time(settings.quiet_until_hour), time(settings.quiet_from_hour % 24)
    window = f"{settings.quiet_until_hour:02d}:00-{settings.quiet_from_hour:02d}:00"
    for zone, rows in frame.groupby(frame["timezone"].fillna(""), sort=False):
        allowed = first_allowed(now, zones_of(str(zone)), start=start, end=end)
        if allowed > now:
            for index in rows.index:
                yield (
                    int(index),
                    Finding(Reason.QUIET_HOURS, observed=str(zone) or None, limit=window, clears_at=allowed),
                )


SAFEGUARDS = (
    Safeguard(unknown_contractor, needs=("known",)),
    Safeguard(phone, needs=()),
    Safeguard(paused, needs=("paused",)),
    Safeguard(undelivered, needs=()),
    Safeguard(gap, needs=()),
    Safeguard(ignored, needs=("recent_sent", "recent_unanswered")),
    Safeguard(low_trust, needs=()),
    Safeguard(changed_since, needs=("changed_since",)),
    Safeguard(quiet_hours, needs=()),
)

_DIALLABLE = {PhoneVerdict.POSSIBLE, PhoneVerdict.LOCAL_ONLY}


def screen(frame: pd.DataFrame, settings: Settings, *, now: datetime) -> dict[int, list[Finding]]:
    """Ask every safeguard about every row; return {index: every finding} for rows with any. `promised` is a column.

    Nothing is stopped at the first reason, and what cannot be evaluated counts against sending.
    """
    found: dict[int, list[Finding]] = {}
    promised = frame["promised"].eq(other=True)
    for safeguard in SAFEGUARDS:
        for index, finding in _ask(safeguard, frame, settings, now):
            if RULES[finding.reason].promised_too or not promised[index]:
                found.setdefault(index, []).append(finding)
    return found


def _ask(safeguard: Safeguard, frame: pd.DataFrame, settings: Settings, now: datetime) -> list[tuple[int, Finding]]:
    """One row with facts that make no sense must not hide what is known of the others: then each is asked alone."""
    try:
        told = ~frame[list(safeguard.needs)].isna().any(axis=1)
        silent = [(int(index), _unevaluated(safeguard)) for index in frame.index[~told]]
        return [*silent, *safeguard.check(frame[told], settings, now)]
    except Exception:  # noqa: BLE001 - whatever it is, the answer is no
        if len(frame) == 1:
            return [(int(frame.index[0]), _unevaluated(safeguard))]
        return [each for place in range(len(frame)) for each in _ask(safeguard, frame.iloc[[place]], settings, now)]


def _unevaluated(safeguard: Safeguard) -> Finding:
    return Finding(Reason.UNEVALUATED, observed=safeguard.check.__name__, limit="an answer")
