"""Whether contractors may be contacted: pure functions over a frame of facts, one row a contractor and candidate.

The frame's columns (see facts.sql): known bool, phone_verdict str, timezone str?, phone_zones str? (blanks between),
phone_state str?, suppressed bool, consent given|revoked|none, consent_needed bool, paused bool, paused_until,
waiting_message_id int?, last_message_id int?, last_sent_at, sent_day int, sent_week int, sent_30_days int,
recent_times list? and recent_types list? (of those 30 days, the newest first), recent_sent int, recent_unanswered int,
recent_last_sent_at, trust_score int?, complaints int, complained_at, message_type str?, promised bool, changed_since
bool; times are UTC. A flag that is neither true nor false stands against sending, and so does a message whose time is
missing.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ige_pipeline.refusal import Refusal
from ige_pipeline.safeguards.contact_rights import RIGHTS
from ige_pipeline.safeguards.finding import Finding, Safeguard, iso, moment_of, rows_of
from ige_pipeline.safeguards.frequency import FREQUENCY
from ige_pipeline.safeguards.quiet_hours import first_open, zone_of, zones_of
from ige_pipeline.safeguards.quiet_rules import allowed_week, holidays_of, in_words, rule_of
from ige_pipeline.safeguards.reason import RULES, Reason
from ige_pipeline.settings import Settings


def unknown_contractor(frame: pd.DataFrame, _settings: Settings, _now: datetime) -> Iterator[tuple[int, Finding]]:
    """Nobody can be written to whose row is gone."""
    for row in rows_of(frame[frame["known"].ne(other=True)]):
        yield row.Index, Finding(Reason.UNKNOWN_CONTRACTOR, observed=None, limit="a row in contractors")


def paused(frame: pd.DataFrame, _settings: Settings, now: datetime) -> Iterator[tuple[int, Finding]]:
    """A pause holds until its end; without an end, until somebody lifts it."""
    lifted = frame["paused_until"] <= now
    for row in rows_of(frame[frame["paused"].ne(other=False) & ~lifted]):
        until = moment_of(row.paused_until)
        yield row.Index, Finding(Reason.PAUSED, observed=iso(until) or "no end", limit=None, clears_at=until)


def changed_since(frame: pd.DataFrame, _settings: Settings, _now: datetime) -> Iterator[tuple[int, Finding]]:
    """A backfill sees rows as they are now; one that changed after its hour says nothing about that hour."""
    for row in rows_of(frame[frame["changed_since"].ne(other=False)]):
        yield row.Index, Finding(Reason.CHANGED_SINCE, observed="changed after as-of", limit="unchanged since as-of")


def quiet_hours(frame: pd.DataFrame, settings: Settings, now: datetime) -> Iterator[tuple[int, Finding]]:
    """Outside of the allowed hours of their own day a message waits; it is not lost."""
    places = [frame[column].fillna("") for column in ("timezone", "phone_zones", "phone_state")]
    for place, rows in frame.groupby(places, sort=False):
        finding = quiet_at(*map(str, place), settings=settings, now=now)
        if finding is not None:
            yield from ((int(index), finding) for index in rows.index)


def quiet_at(timezone: str, phone_zones: str, phone_state: str, *, settings: Settings, now: datetime) -> Finding | None:
    """Say until when a message must wait for somebody in that place, None if it need not; unevaluated where unclear.

    A zone is theirs, else it is guessed from the number, else they may be anywhere in the US. The state is that of the
    number: a zone is shared by many, and people keep their numbers, as the laws themselves presume.
    """
    try:
        zones, guessed = _whereabouts(timezone.strip(), phone_zones)
        week = allowed_week(settings, guessed=guessed, state=phone_state)
        allowed = first_open(now, zones, week, closed=holidays_of(settings.quiet_holidays))
    except ValueError:
        return Finding(Reason.UNEVALUATED, observed="quiet_hours", limit="an answer")
    if allowed <= now:
        return None
    rule = rule_of(settings, phone_state)
    limit = in_words(week) + (f" ({rule.statute})" if rule else "")
    seen = f"{phone_zones} (guessed from the number)" if guessed else timezone or None
    return Finding(Reason.QUIET_HOURS, observed=seen, limit=limit, clears_at=allowed)


def _whereabouts(timezone: str, phone_zones: str) -> tuple[tuple[ZoneInfo, ...], bool]:
    """Return the zones they may be in, all at once, and whether that was guessed from the number."""
    if zone_of(timezone) is not None or not phone_zones:
        return zones_of(timezone), False
    found = [zone_of(name) for name in phone_zones.split()]
    zones = tuple(zone for zone in found if zone is not None)
    if len(zones) < len(found):
        raise ValueError("A number rings in a zone that no clock goes by.")
    return zones, True


SAFEGUARDS = (
    Safeguard(unknown_contractor, needs=("known",)),
    *RIGHTS,
    Safeguard(paused, needs=("paused",), reads=("paused_until",)),
    *FREQUENCY,
    Safeguard(changed_since, needs=("changed_since",)),
    Safeguard(quiet_hours, needs=(), reads=("timezone", "phone_zones", "phone_state")),
)


def screen(frame: pd.DataFrame, settings: Settings, *, now: datetime) -> dict[int, list[Finding]]:
    """Ask every safeguard about every row; return {index: every finding} for rows with any. `promised` is a column.

    Nothing is stopped at the first reason, and what cannot be evaluated counts against sending. Refusal when a setting
    asks for what is not installed.
    """
    found: dict[int, list[Finding]] = {}
    promised = frame["promised"].eq(other=True)
    for safeguard in SAFEGUARDS:
        for index, finding in _ask(safeguard, frame, settings, now):
            if RULES[finding.reason].promised_too or not promised[index]:
                found.setdefault(index, []).append(finding)
    return found


def _ask(safeguard: Safeguard, frame: pd.DataFrame, settings: Settings, now: datetime) -> list[tuple[int, Finding]]:
    """One row with facts that make no sense must not hide what is known of the others: the rest is asked by halves."""
    columns = [*safeguard.needs, *safeguard.reads]
    if not set(columns) <= set(frame.columns):
        return [(int(index), _unevaluated(safeguard)) for index in frame.index]
    try:
        facts = frame[columns]
        told = facts[list(safeguard.needs)].notna().all(axis=1)
        silent = [(int(index), _unevaluated(safeguard)) for index in frame.index[~told]]
        return [*silent, *safeguard.check(facts[told] if silent else facts, settings, now)]
    except Refusal:
        raise
    except Exception:  # noqa: BLE001 - whatever it is, the answer is no
        if len(frame) == 1:
            return [(int(frame.index[0]), _unevaluated(safeguard))]
        half = len(frame) // 2
        parts: list[Any] = [frame.iloc[:half], frame.iloc[half:]]
        return [each for part in parts for each in _ask(safeguard, part, settings, now)]


def _unevaluated(safeguard: Safeguard) -> Finding:
    return Finding(Reason.UNEVALUATED, observed=safeguard.check.__name__, limit="an answer")
