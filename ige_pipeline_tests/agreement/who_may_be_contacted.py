"""Every safeguard of a recipient once more, row by row and slow, and which of a contractor's candidates wins.

Written from the rules' sentences. It shares nothing with the package but the settings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from holidays import country_holidays

from ige_pipeline.settings import Settings
from ige_pipeline_tests.agreement.people import (
    NUMBERS_OF,
    WEEKS,
    Hours,
    Message,
    Number,
    People,
    Person,
    Rival,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVERYWHERE = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
)
KNOWN_ZONES = {"America/New_York", "Asia/Kolkata", "Pacific/Auckland"}
NEVER_FOR_PROMISED = {
    *("undelivered", "gap", "ignored", "low_trust", "complaints"),
    *("cap_day", "cap_week", "cap_30_days", "cap_type"),
}


UNSAID = "what it says is words"
IN_WORDS = {
    *("unknown_contractor", "suppressed", "consent_revoked", "consent_unknown"),
    *("changed_since", "quiet_hours", "unevaluated", "outranked", "cap_state"),
}
"""Reasons of which what was seen and the limit are words; of the others they are figures and must be right."""


@dataclass(frozen=True)
class Said:
    """A reason, what was seen, the limit, and when it clears by itself."""

    reason: str
    observed: Any = UNSAID
    limit: Any = UNSAID
    clears_at: datetime | None = None


@dataclass(frozen=True)
class Verdict:
    verdict: str | None
    reasons: frozenset[Said]
    not_before: datetime | None
    retry_at: datetime | None


@dataclass(frozen=True)
class Asked:
    people: People
    settings: Settings
    now: datetime
    consent_needed: bool


def verdicts(asked: Asked) -> dict[int, Verdict]:
    """What becomes of each candidate of the batch, by its id."""
    reasons = {rival.id: set(_reasons(asked, rival)) for rival in asked.people.rivals}
    starts = {rival.id: _first_allowed(asked, rival.contractor_id) for rival in asked.people.rivals}
    for rival in asked.people.rivals:
        reasons[rival.id] |= {Said("unevaluated")} if starts[rival.id] is None else set()
    free = [rival for rival in asked.people.rivals if not reasons[rival.id] and not rival.promised]
    for rival in free:
        if any(_beats(other, rival) for other in free if other.contractor_id == rival.contractor_id):
            reasons[rival.id].add(Said("outranked"))
    return {rival.id: _verdict(asked, reasons[rival.id], starts[rival.id]) for rival in asked.people.rivals}


def _verdict(asked: Asked, reasons: set[Said], start: datetime | None) -> Verdict:
    later = start if start is not None and start > asked.now else None
    every = frozenset(reasons | ({Said("quiet_hours", clears_at=later)} if later else set()))
    if reasons:
        verdict = "outranked" if Said("outranked") in reasons else "blocked"
        clears = [said.clears_at for said in reasons]
        return Verdict(
            verdict, every, later, max((each for each in clears if each), default=None) if all(clears) else None
        )
    if later and later - asked.now > asked.settings.postpone_at_most_hours * HOUR:
        return Verdict("postponed", every, later, later)
    return Verdict(None, every, later, None)


def _beats(other: Rival, rival: Rival) -> bool:
    return (-other.priority, -other.urgency, other.id) < (-rival.priority, -rival.urgency, rival.id)


def _reasons(asked: Asked, rival: Rival) -> Iterator[Said]:
    found = [*_about_the_person(asked, rival.contractor_id), *_how_often(asked, rival)]
    if rival.changed_since:
        found.append(Said("changed_since"))
    yield from (said for said in found if not (rival.promised and said.reason in NEVER_FOR_PROMISED))


def _about_the_person(asked: Asked, contractor_id: int) -> Iterator[Said]:
    person, number = _person(asked, contractor_id), _number(asked, contractor_id)
    region = f"a number of {asked.settings.default_region}"
    if person is None:
        yield Said("unknown_contractor")
    if number.verdict == "none":
        yield Said("no_phone", "none", region)
    if number.verdict == "impossible" or (number.verdict == "local_only" and asked.settings.phone_check == "strict"):
        yield Said("impossible_phone", number.verdict, region)
    if any(_may_be(number, gone) for gone in asked.people.opted_out):
        yield Said("suppressed")
    yield from _consent(asked, number)
    if person and person.paused and (person.paused_until is None or person.paused_until > asked.now):
        until = person.paused_until
        yield Said("paused", until.isoformat() if until else "no end", None, until)


def _consent(asked: Asked, number: Number) -> Iterator[Said]:
    """The newest word counts; of a local number, any that may be it and was taken back."""
    rows = [row for row in asked.people.consents if number.e164 is not None and row.number == number.e164]
    given = max((row.given_at for row in rows if row.given_at and row.given_at <= asked.now), default=None)
    revoked = max((row.revoked_at for row in rows if row.revoked_at), default=None)
    local = any(
        number.local and _may_be(number, row.number) and row.revoked_at is not None for row in asked.people.consents
    )
    if local or (revoked is not None and (given is None or revoked >= given)):
        yield Said("consent_revoked")
    elif given is None and asked.consent_needed and not asked.settings.consent_basis.strip():
        yield Said("consent_unknown")


def _how_often(asked: Asked, rival: Rival) -> Iterator[Said]:
    settings, trust = asked.settings, _trust(asked, rival)
    to_number = [message for message in asked.people.messages if message.contractor_id in _sharing(asked, rival)]
    waiting = [message.id for message in to_number if message.sent_at is None and not message.cancelled]
    if waiting:
        yield Said("undelivered", f"message {min(waiting)}", None)
    sent = sorted((each for each in to_number if each.sent_at), key=_when, reverse=True)
    yield from _too_soon(asked, rival, sent)
    yield from _ignored(asked, sent)
    if trust < settings.min_trust_score:
        yield Said("low_trust", trust, settings.min_trust_score)
    times, most = _complaints(asked, rival), settings.complaints_at_most
    if len(times) >= most:
        yield Said("complaints", len(times), most, times[most - 1] + settings.complaints_days * DAY)
    yield from _caps(asked, rival, sent)


def _when(message: Message) -> datetime:
    assert message.sent_at is not None
    return message.sent_at


def _too_soon(asked: Asked, rival: Rival, sent: list[Message]) -> Iterator[Said]:
    gap = _gap(asked, rival)
    if sent and asked.now - _when(sent[0]) < gap:
        hours = round((asked.now - _when(sent[0])) / HOUR, 1)
        yield Said("gap", hours, gap / HOUR, _when(sent[0]) + gap)


def _caps(asked: Asked, rival: Rival, sent: list[Message]) -> Iterator[Said]:
    settings = asked.settings
    day, week, month = (_within(sent, asked.now, each) for each in (DAY, 7 * DAY, 30 * DAY))
    alike = [message for message in week if message.message_type == rival.message_type]
    for reason, found, at_most, window in (
        ("cap_day", day, settings.cap_per_day, DAY),
        ("cap_week", week, settings.cap_per_week, 7 * DAY),
        ("cap_30_days", month, settings.cap_per_30_days, 30 * DAY),
        ("cap_type", alike, settings.cap_per_type_per_week, 7 * DAY),
    ):
        if at_most and len(found) >= at_most:
            yield Said(reason, len(found), at_most, _when(found[at_most - 1]) + window)
    if settings.state_rules and _number(asked, rival.contractor_id).state == "FL" and len(day) >= 3:
        yield Said("cap_state", clears_at=_when(day[2]) + DAY)


def _within(sent: list[Message], now: datetime, window: timedelta) -> list[Message]:
    return [message for message in sent if message.sent_at and message.sent_at > now - window]


def _ignored(asked: Asked, sent: list[Message]) -> Iterator[Said]:
    """The last few that we sent of our own accord, none answered, and the last of them not long ago."""
    in_a_row = asked.settings.ignored_in_a_row
    last = [message for message in sent if not message.promised][:in_a_row]
    if len(last) < in_a_row or any(message.answered for message in last):
        return
    over = _when(last[0]) + asked.settings.ignored_pause_days * DAY
    if over > asked.now:
        yield Said("ignored", in_a_row, in_a_row, over)


def _gap(asked: Asked, rival: Rival) -> timedelta:
    settings, trust = asked.settings, _trust(asked, rival)
    gap = settings.min_gap_hours * HOUR
    if not settings.trust_tiers:
        return gap
    tiers = {80: settings.gap_days_trust_80, 60: settings.gap_days_trust_60, 40: settings.gap_days_trust_40}
    days = next((tiers[least] for least in (80, 60, 40) if trust >= least), settings.gap_days_trust_20)
    return max(gap, days * DAY)


def _trust(asked: Asked, rival: Rival) -> int:
    """Of all who have the number, the one who trusts us least."""
    scores = [_score(asked, each) for each in _sharing(asked, rival)]
    return min((score for score in scores if score is not None), default=asked.settings.trust_without_record)


def _score(asked: Asked, contractor_id: int) -> int | None:
    """The newest; one of which nobody knows when it was only where there is no other."""
    known = [
        (each.recorded_at is not None, each.recorded_at or asked.now, each.id, each.score)
        for each in asked.people.indicators
        if each.contractor_id == contractor_id and each.score is not None
    ]
    return max(known)[3] if known else None


def _complaints(asked: Asked, rival: Rival) -> list[datetime]:
    """When they were, the newest first. Those in doubt count as of now: nobody knows that they are over."""
    since, sharing = asked.now - asked.settings.complaints_days * DAY, _sharing(asked, rival)
    theirs = (each for each in asked.people.indicators if each.contractor_id in sharing)
    times = [each.recorded_at or asked.now for each in theirs if each.indicator_type != "positive_feedback"]
    return sorted((each for each in times if each > since), reverse=True)


def _person(asked: Asked, contractor_id: int) -> Person | None:
    return next((person for person in asked.people.persons if person.id == contractor_id), None)


def _number(asked: Asked, contractor_id: int) -> Number:
    person = _person(asked, contractor_id)
    return NUMBERS_OF[asked.settings.default_region][person.phone if person else None]


def _sharing(asked: Asked, rival: Rival) -> set[int]:
    """Everybody whose number is the same, whatever way it is written."""
    mine = _number(asked, rival.contractor_id)
    number = mine.e164 or mine.local
    theirs = {each.id: _number(asked, each.id) for each in asked.people.persons}
    others = {person for person, each in theirs.items() if number and number in (each.e164, each.local)}
    return others | {rival.contractor_id}


def _may_be(number: Number, e164: str) -> bool:
    return number.e164 == e164 or (number.local is not None and e164.endswith(number.local))


def _first_allowed(asked: Asked, contractor_id: int) -> datetime | None:
    """Look at every quarter of an hour of two weeks; where none is allowed, nobody can say when."""
    hour = asked.now.replace(minute=0, second=0, microsecond=0)
    quarters = (hour + timedelta(minutes=15) * number for number in range(14 * 24 * 4))
    moments = (moment for moment in quarters if moment > asked.now)
    return next((each for each in chain([asked.now], moments) if _allowed(asked, contractor_id, each)), None)


def _allowed(asked: Asked, contractor_id: int, moment: datetime) -> bool:
    person, number, settings = _person(asked, contractor_id), _number(asked, contractor_id), asked.settings
    hours = [(time(settings.quiet_until_hour), time(settings.quiet_from_hour))]
    if person and person.timezone in KNOWN_ZONES:
        zones: tuple[str, ...] = (person.timezone or "",)
    elif number.zones:
        zones = number.zones
        hours.append((time(settings.quiet_guess_until_hour), time(settings.quiet_guess_from_hour)))
    else:
        zones = EVERYWHERE
    if settings.state_rules and number.state == "FL":
        hours.append((time(8), time(20)))
    if "Etc/Unknown" in zones:
        return False
    return all(_open(moment.astimezone(ZoneInfo(zone)), hours, settings) for zone in zones)


@cache
def _holidays(country: str) -> Any:
    return country_holidays(country)


def _open(local: datetime, hours: list[Hours], settings: Settings) -> bool:
    """Whether it is allowed by a clock on the wall, on that day of the week and of the year."""
    country = settings.quiet_holidays
    if country and local.date() in _holidays(country):
        return False
    every = [*hours, WEEKS[settings.quiet_weekdays].get(local.weekday(), (time.min, time.max))]
    return all(start <= local.time() < end for start, end in every)
