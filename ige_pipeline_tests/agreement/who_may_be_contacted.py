"""Every safeguard of a recipient once more, row by row and slow, and which of a contractor's candidates wins.

Written from the rules' sentences. It shares nothing with the package but the settings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from ige_pipeline.settings import Settings
from ige_pipeline_tests.agreement.people import NUMBERS, Message, Number, People, Person, Rival

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


@dataclass(frozen=True)
class Verdict:
    verdict: str | None
    reasons: frozenset[str]
    not_before: datetime | None


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
        reasons[rival.id] |= {"unevaluated"} if starts[rival.id] is None else set()
    free = [rival for rival in asked.people.rivals if not reasons[rival.id] and not rival.promised]
    for rival in free:
        if any(_beats(other, rival) for other in free if other.contractor_id == rival.contractor_id):
            reasons[rival.id].add("outranked")
    return {rival.id: _verdict(asked, reasons[rival.id], starts[rival.id]) for rival in asked.people.rivals}


def _verdict(asked: Asked, reasons: set[str], start: datetime | None) -> Verdict:
    wait = (start or asked.now) - asked.now
    every = frozenset(reasons | ({"quiet_hours"} if wait else set()))
    if "outranked" in reasons:
        verdict: str | None = "outranked"
    elif reasons:
        verdict = "blocked"
    else:
        verdict = "postponed" if wait > asked.settings.postpone_at_most_hours * HOUR else None
    return Verdict(verdict, every, start if wait else None)


def _beats(other: Rival, rival: Rival) -> bool:
    return (-other.priority, -other.urgency, other.id) < (-rival.priority, -rival.urgency, rival.id)


def _reasons(asked: Asked, rival: Rival) -> Iterator[str]:
    found = [*_about_the_person(asked, rival.contractor_id), *_how_often(asked, rival)]
    if rival.changed_since:
        found.append("changed_since")
    yield from (reason for reason in found if not (rival.promised and reason in NEVER_FOR_PROMISED))


def _about_the_person(asked: Asked, contractor_id: int) -> Iterator[str]:
    person, number = _person(asked, contractor_id), _number(asked, contractor_id)
    if person is None:
        yield "unknown_contractor"
    if number.verdict == "none":
        yield "no_phone"
    if number.verdict == "impossible" or (number.verdict == "local_only" and asked.settings.phone_check == "strict"):
        yield "impossible_phone"
    if any(_may_be(number, gone) for gone in asked.people.opted_out):
        yield "suppressed"
    yield from _consent(asked, number)
    if person and person.paused and (person.paused_until is None or person.paused_until > asked.now):
        yield "paused"


def _consent(asked: Asked, number: Number) -> Iterator[str]:
    """The newest word counts; of a local number, any that may be it and was taken back."""
    rows = [row for row in asked.people.consents if number.e164 is not None and row.number == number.e164]
    given = max((row.given_at for row in rows if row.given_at and row.given_at <= asked.now), default=None)
    revoked = max((row.revoked_at for row in rows if row.revoked_at), default=None)
    local = any(
        number.local and _may_be(number, row.number) and row.revoked_at is not None for row in asked.people.consents
    )
    if local or (revoked is not None and (given is None or revoked >= given)):
        yield "consent_revoked"
    elif given is None and asked.consent_needed and not asked.settings.consent_basis.strip():
        yield "consent_unknown"


def _how_often(asked: Asked, rival: Rival) -> Iterator[str]:
    settings, now = asked.settings, asked.now
    to_number = [message for message in asked.people.messages if message.contractor_id in _sharing(asked, rival)]
    if any(message.sent_at is None and not message.cancelled for message in to_number):
        yield "undelivered"
    sent = [message for message in to_number if message.sent_at is not None]
    if any(now - message.sent_at < _gap(asked, rival) for message in sent if message.sent_at):
        yield "gap"
    yield from _ignored(asked, sent)
    if _trust(asked, rival) < settings.min_trust_score:
        yield "low_trust"
    if _complaints(asked, rival) >= settings.complaints_at_most:
        yield "complaints"
    yield from _caps(asked, rival, sent)


def _caps(asked: Asked, rival: Rival, sent: list[Message]) -> Iterator[str]:
    settings = asked.settings
    day, week, month = (_within(sent, asked.now, each) for each in (DAY, 7 * DAY, 30 * DAY))
    alike = [message for message in week if message.message_type == rival.message_type]
    for reason, found, at_most in (
        ("cap_day", day, settings.cap_per_day),
        ("cap_week", week, settings.cap_per_week),
        ("cap_30_days", month, settings.cap_per_30_days),
        ("cap_type", alike, settings.cap_per_type_per_week),
    ):
        if at_most and len(found) >= at_most:
            yield reason
    if settings.state_rules and _number(asked, rival.contractor_id).state == "FL" and len(day) >= 3:
        yield "cap_state"


def _within(sent: list[Message], now: datetime, window: timedelta) -> list[Message]:
    return [message for message in sent if message.sent_at and message.sent_at > now - window]


def _ignored(asked: Asked, sent: list[Message]) -> Iterator[str]:
    """The last few that we sent of our own accord, none answered, and the last of them not long ago."""
    ours = [message for message in sent if not message.promised]
    last = sorted(ours, key=lambda message: message.sent_at or asked.now, reverse=True)
    last = last[: asked.settings.ignored_in_a_row]
    if len(last) < asked.settings.ignored_in_a_row or any(message.answered for message in last):
        return
    if last[0].sent_at and asked.now - last[0].sent_at < asked.settings.ignored_pause_days * DAY:
        yield "ignored"


def _gap(asked: Asked, rival: Rival) -> timedelta:
    settings, trust = asked.settings, _trust(asked, rival)
    gap = settings.min_gap_hours * HOUR
    if not settings.trust_tiers:
        return gap
    days = 2 if trust >= 80 else 5 if trust >= 60 else 10 if trust >= 40 else 30
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


def _complaints(asked: Asked, rival: Rival) -> int:
    """Those in doubt count: nobody knows that they are over."""
    since = asked.now - asked.settings.complaints_days * DAY
    theirs = [each for each in asked.people.indicators if each.contractor_id in _sharing(asked, rival)]
    return sum(
        each.indicator_type != "positive_feedback" and (each.recorded_at is None or each.recorded_at > since)
        for each in theirs
    )


def _person(asked: Asked, contractor_id: int) -> Person | None:
    return next((person for person in asked.people.persons if person.id == contractor_id), None)


def _number(asked: Asked, contractor_id: int) -> Number:
    person = _person(asked, contractor_id)
    return NUMBERS[person.phone if person else None]


def _sharing(asked: Asked, rival: Rival) -> set[int]:
    """Everybody whose number is the same, whatever way it is written."""
    mine = _number(asked, rival.contractor_id)
    number = mine.e164 or mine.local
    there = asked.people.persons
    others = {each.id for each in there if number and number in (NUMBERS[each.phone].e164, NUMBERS[each.phone].local)}
    return others | {rival.contractor_id}


def _may_be(number: Number, e164: str) -> bool:
    return number.e164 == e164 or (number.local is not None and e164.endswith(number.local))


def _first_allowed(asked: Asked, contractor_id: int) -> datetime | None:
    """Look at every quarter of an hour of some days; where none is allowed, nobody can say when."""
    hour = asked.now.replace(minute=0, second=0, microsecond=0)
    quarters = (hour + timedelta(minutes=15) * number for number in range(4 * 24 * 4))
    moments = (moment for moment in quarters if moment > asked.now)
    return next((each for each in chain([asked.now], moments) if _allowed(asked, contractor_id, each)), None)


def _allowed(asked: Asked, contractor_id: int, moment: datetime) -> bool:
    person, number, settings = _person(asked, contractor_id), _number(asked, contractor_id), asked.settings
    hours = [(time(settings.quiet_until_hour), time(settings.quiet_from_hour))]
    if person and person.timezone in KNOWN_ZONES:
        zones: tuple[str, ...] = (person.timezone or "",)
    elif number.zones:
        zones = number.zones
        hours.append((time(9), time(20)))
    else:
        zones = EVERYWHERE
    if settings.state_rules and number.state == "FL":
        hours.append((time(8), time(20)))
    local = [moment.astimezone(ZoneInfo(zone)).time() for zone in zones]
    return all(start <= clock < end for start, end in hours for clock in local)
