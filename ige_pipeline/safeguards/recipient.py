"""Whether contractors may be contacted: pure functions over the facts of one candidate.

The facts (see facts.sql): known bool, phone_verdict str, timezone str?, phone_zones str? (blanks between),
phone_state str?, suppressed bool, consent given|revoked|none, consent_needed bool, paused bool, paused_until,
waiting_message_id int?, last_message_id int?, last_sent_at, sent_day int, sent_week int, sent_30_days int,
recent_times list? and recent_types list? (of those 30 days, the newest first), recent_sent int, recent_unanswered int,
recent_last_sent_at, trust_score int?, complaints int, complained_at, message_type str?, promised bool, changed_since
bool; times are UTC. A flag that is neither true nor false stands against sending, and so does a message whose time is
missing.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ige_pipeline.refusal import Refusal
from ige_pipeline.safeguards.contact_rights import RIGHTS
from ige_pipeline.safeguards.finding import NOTHING, Check, Finding, Row, Safeguard, iso, missing, moment_of
from ige_pipeline.safeguards.frequency import FREQUENCY
from ige_pipeline.safeguards.quiet_hours import first_open, zone_of, zones_of
from ige_pipeline.safeguards.quiet_rules import QuietSettings, allowed_week, holidays_of, in_words, rule_of
from ige_pipeline.safeguards.reason import RULES, Reason
from ige_pipeline.settings import Settings


def unknown_contractor(row: Row, _settings: Settings, _now: datetime) -> Iterable[Finding]:
    """Nobody can be written to whose row is gone."""
    if row["known"] is True:
        return NOTHING
    return (Finding(Reason.UNKNOWN_CONTRACTOR, observed=None, limit="a row in contractors"),)


def paused(row: Row, _settings: Settings, now: datetime) -> Iterable[Finding]:
    """A pause holds until its end; without an end, until somebody lifts it."""
    if row["paused"] is False:
        return NOTHING
    until = moment_of(row["paused_until"])
    if until is not None and until <= now:
        return NOTHING
    return (Finding(Reason.PAUSED, observed=iso(until) or "no end", limit=None, clears_at=until),)


def changed_since(row: Row, _settings: Settings, _now: datetime) -> Iterable[Finding]:
    """A backfill sees rows as they are now; one that changed after its hour says nothing about that hour."""
    if row["changed_since"] is False:
        return NOTHING
    return (Finding(Reason.CHANGED_SINCE, observed="changed after as-of", limit="unchanged since as-of"),)


def quiet_hours(row: Row, settings: Settings, now: datetime) -> Iterable[Finding]:
    """Outside of the allowed hours of their own day a message waits; it is not lost."""
    timezone, zones, state = ("" if missing(row[name]) else row[name] for name in _PLACE)
    finding = quiet_at(timezone, zones, state, settings=settings, now=now)
    return NOTHING if finding is None else (finding,)


def quiet_at(timezone: str, phone_zones: str, phone_state: str, *, settings: Settings, now: datetime) -> Finding | None:
    """Say until when a message must wait for somebody in that place, None if it need not; unevaluated where unclear.

    A zone is theirs, else it is guessed from the number, else they may be anywhere in the US. The state is that of the
    number: a zone is shared by many, and people keep their numbers, as the laws themselves presume.
    """
    return _quiet_at(timezone, phone_zones, phone_state, _Quiet._make(_quiet(settings)), now)


class _Quiet(NamedTuple):
    quiet_until_hour: int
    quiet_from_hour: int
    quiet_guess_until_hour: int
    quiet_guess_from_hour: int
    quiet_weekdays: str
    state_rules: bool
    quiet_holidays: str


_quiet = attrgetter(*_Quiet._fields)


# A batch asks at one moment about thousands who live in a few hundred places.
@lru_cache(maxsize=10_000)
def _quiet_at(
    timezone: str, phone_zones: str, phone_state: str, settings: QuietSettings, now: datetime
) -> Finding | None:
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


_PLACE = ("timezone", "phone_zones", "phone_state")
SAFEGUARDS = (
    Safeguard(unknown_contractor, needs=("known",)),
    *RIGHTS,
    Safeguard(paused, needs=("paused",), reads=("paused_until",)),
    *FREQUENCY,
    Safeguard(changed_since, needs=("changed_since",)),
    Safeguard(quiet_hours, needs=(), reads=_PLACE),
)
FACTS = frozenset(name for safeguard in SAFEGUARDS for name in (*safeguard.needs, *safeguard.reads))
"""Every fact that some safeguard looks at, beside `promised`."""


def judge(
    rows: Iterable[Row], settings: Settings, *, now: datetime, columns: Collection[str] = FACTS
) -> Iterator[list[Finding]]:
    """Ask every safeguard about every row; give each row's findings in turn. `promised` is among the facts.

    Nothing is stopped at the first reason, and what cannot be evaluated counts against sending, also where a fact is
    not among the `columns`. Refusal when a setting asks for what is not installed.
    """
    asked = [
        each if {*each.needs, *each.reads} <= set(columns) else Safeguard(_never(each), needs=()) for each in SAFEGUARDS
    ]
    needed = tuple({name: None for each in asked for name in each.needs})
    for row in rows:
        found: list[Finding] = []
        # Hardly ever is anything missing, and asking each safeguard for itself takes as long as the safeguards do.
        whole = _told(row, needed)
        for safeguard in asked:
            try:
                told = whole or _told(row, safeguard.needs)
                found += safeguard.check(row, settings, now) if told else _unevaluated(safeguard)
            except Refusal:
                raise
            except Exception:  # noqa: BLE001 - whatever it is, the answer is no
                found += _unevaluated(safeguard)
        yield [each for each in found if RULES[each.reason].promised_too] if row["promised"] is True else found


def _told(row: Row, needs: tuple[str, ...]) -> bool:
    for name in needs:
        value = row[name]
        # As `missing` says; a million candidates with thirteen needs each would call it for seconds.
        if value is None or value != value:  # noqa: PLR0124
            return False
    return True


def _never(safeguard: Safeguard) -> Check:
    return lambda _row, _settings, _now: _unevaluated(safeguard)


def _unevaluated(safeguard: Safeguard) -> Iterable[Finding]:
    return (Finding(Reason.UNEVALUATED, observed=safeguard.check.__name__, limit="an answer"),)
