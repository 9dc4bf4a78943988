"""How every safeguard stands for one contractor at this moment, and when they may next be contacted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.safeguards.facts import facts_at_scheduling
from ige_pipeline.safeguards.finding import Finding, Row
from ige_pipeline.safeguards.phonebook import look_up
from ige_pipeline.safeguards.reason import Reason
from ige_pipeline.safeguards.recipient import judge
from ige_pipeline.settings import Settings

GUARDS: Mapping[str, tuple[Reason, ...]] = {
    "known": (Reason.UNKNOWN_CONTRACTOR,),
    "phone": (Reason.NO_PHONE, Reason.IMPOSSIBLE_PHONE),
    "suppressed": (Reason.SUPPRESSED,),
    "consent": (Reason.CONSENT_REVOKED, Reason.CONSENT_UNKNOWN),
    "paused": (Reason.PAUSED,),
    "undelivered": (Reason.UNDELIVERED,),
    "gap": (Reason.GAP,),
    "ignored": (Reason.IGNORED,),
    "low_trust": (Reason.LOW_TRUST,),
    "complaints": (Reason.COMPLAINTS,),
    "caps": (Reason.CAP_DAY, Reason.CAP_WEEK, Reason.CAP_30_DAYS),
    "cap_of_type": (Reason.CAP_TYPE,),
    "cap_of_state": (Reason.CAP_STATE,),
    "quiet_hours": (Reason.QUIET_HOURS,),
}
"""Each safeguard and the reasons that it gives; `changed_since` is about a row and not about a person."""
_LOOKS = 60


@dataclass(frozen=True)
class Guard:
    """One safeguard, and what it says now: nothing where it is clear."""

    name: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Standing:
    """Every safeguard, the facts they were asked about, and when all of them are clear.

    `next_contact` is None where a person must do something first; a message that waits already is not counted there.
    """

    guards: tuple[Guard, ...]
    facts: dict[str, Any]
    next_contact: datetime | None
    now: datetime


def standing(
    conn: Connection, contractor_id: int, settings: Settings, *, consent_needed: bool, message_type: str = "check_in"
) -> Standing:
    """Ask every safeguard about one contractor, as a batch would that has a message of this type for them."""
    sharing = look_up(conn, [contractor_id], region=settings.default_region)
    facts = facts_at_scheduling(conn, [contractor_id], settings, sharing=sharing)[contractor_id]
    row = facts | {
        "message_type": message_type,
        "promised": False,
        "changed_since": False,
        "consent_needed": consent_needed,
    }
    now: datetime = row["asked_at"]
    found = _found(row, settings, now)
    guards = tuple(Guard(name, tuple(_of(name, found))) for name in GUARDS)
    return Standing(guards, facts, next_contact(row, settings, now=now), now)


def next_contact(row: Row, settings: Settings, *, now: datetime) -> datetime | None:
    """Return the first moment at which nothing stands against a message, None where that is not a matter of time.

    One reason may clear at an hour at which another stands, so it is looked again at each.
    """
    moment = now
    for _ in range(_LOOKS):
        waits = [
            each
            for each in _found(row, settings, moment)
            if each.reason is not Reason.UNDELIVERED and (each.clears_at is None or each.clears_at > moment)
        ]
        if not waits:
            return moment
        ends = [each.clears_at for each in waits if each.clears_at is not None]
        if len(ends) < len(waits):
            return None
        moment = max(ends)
    return None


def _found(row: Row, settings: Settings, now: datetime) -> list[Finding]:
    return next(iter(judge([row], settings, now=now)))


def _of(name: str, found: list[Finding]) -> Iterator[Finding]:
    """What could not be evaluated names its safeguard."""
    for each in found:
        if each.reason in GUARDS[name] or (each.reason is Reason.UNEVALUATED and _guard_of(each) == name):
            yield each


def _guard_of(finding: Finding) -> str:
    named = {"unknown_contractor": "known"}
    return named.get(str(finding.observed), str(finding.observed))
