"""Ask every safeguard again at the moment of sending: much can happen between an hour's batch and a text's leaving."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg

from ige_pipeline.delivery.confirmation import OVER, confirmations, standing_against
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.outcome import Cancelled, Dead, Outcome, Postponed
from ige_pipeline.delivery.promise import ask_unwanted, unwanted
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.numbered import Rows
from ige_pipeline.refusal import Refusal
from ige_pipeline.safeguards.facts import ask_at_sending
from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.phonebook import NOBODY, Sharing, ask_up, told_up
from ige_pipeline.safeguards.reason import RULES, Effect
from ige_pipeline.safeguards.recipient import judge
from ige_pipeline.safeguards.sieve import ask_plain, told_plain
from ige_pipeline.settings import Settings

_LOOK_AGAIN = timedelta(minutes=15)
Beside = Callable[[Sequence[Lease]], object]


def _nothing(_leases: Sequence[Lease]) -> None:
    """Ask nothing else."""


def rescreen(
    conn: Connection,
    leases: Sequence[Lease],
    settings: Settings,
    *,
    consent_needed: bool = True,
    beside: Beside = _nothing,
) -> list[Outcome | None]:
    """Return of each message what stops it now, or None when it may go. Other waiting messages do not count.

    Sent and leased ones do, and of those given the ones before it. What cannot be evaluated for one message postpones
    it and no other. `beside` asks something else in the same round trip. Raises psycopg.OperationalError when the
    database is gone.
    """
    try:
        return _screen(conn, leases, settings, consent_needed=consent_needed, beside=beside)
    except (psycopg.OperationalError, psycopg.InterfaceError, Refusal):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is no
        if len(leases) == 1:
            return [could_not_be_asked(error)]
        half = len(leases) // 2
        return [
            each
            for part in (leases[:half], leases[half:])
            for each in rescreen(conn, part, settings, consent_needed=consent_needed)
        ]


def could_not_be_asked(error: BaseException) -> Postponed:
    """What cannot be evaluated is not sent; it keeps its attempt and is looked at again in a quarter of an hour.

    That nobody answered says nothing of the message: the run ends, and the next one asks again.
    """
    reason = {"reason": "unevaluated", "observed": type(error).__name__, "limit": "an answer"}
    return Postponed((reason,), delay=timedelta(0) if _nobody_answered(error) else _LOOK_AGAIN)


def _nobody_answered(error: BaseException) -> bool:
    """Whether the connection is what broke. A statement that waited too long for a lock was answered: with a no."""
    if isinstance(error, psycopg.OperationalError):
        return error.sqlstate is None or error.sqlstate.startswith(("57P", "08"))
    return isinstance(error, psycopg.InterfaceError)


def _screen(
    conn: Connection, leases: Sequence[Lease], settings: Settings, *, consent_needed: bool, beside: Beside
) -> list[Outcome | None]:
    """Ask in one round trip what is no longer wanted, and against which certainly nothing speaks but the hour."""
    ids, people = [lease.message_id for lease in leases], [lease.contractor_id for lease in leases]
    with conn.pipeline():
        asked = ask_unwanted(conn, ids)
        plain = ask_plain(conn, ids, people, settings, consent_needed=consent_needed)
        beside(leases)
    over, told = unwanted(asked), told_plain(plain, settings)
    odd = [lease for lease in leases if lease.message_id not in told]
    judged = _judge(conn, odd, settings, consent_needed=consent_needed) if odd else {}
    return [
        over.get(lease.message_id) or (weigh(told[each]) if (each := lease.message_id) in told else judged[each])
        for lease in leases
    ]


def _judge(
    conn: Connection, leases: Sequence[Lease], settings: Settings, *, consent_needed: bool
) -> dict[int, Outcome | None]:
    """Ask the safeguards, as if nobody shared their number; who does is asked about again."""
    people = [lease.contractor_id for lease in leases]
    facts = partial(ask_at_sending, conn, people, settings, message_ids=[lease.message_id for lease in leases])
    with conn.pipeline():
        asked_up = ask_up(conn, people, region=settings.default_region)
        known = facts(sharing=NOBODY)
    sharing = told_up(conn, asked_up, people, region=settings.default_region)
    rows = _rows(leases, known if sharing is None else facts(sharing=sharing), consent_needed=consent_needed)
    judged = judge(_one_after_the_other(leases, rows, sharing or NOBODY), settings, now=rows[0]["asked_at"])
    confirming = confirmations(conn, leases, region=settings.default_region)
    return {
        lease.message_id: _weigh_one(found, confirms=confirming.get(lease.message_id))
        for lease, found in zip(leases, judged, strict=True)
    }


def _weigh_one(found: Sequence[Finding], *, confirms: bool | None) -> Outcome | None:
    """Weigh what stands against a message; `confirms`: whether it is the confirmation that it says it is."""
    if confirms is None:
        return weigh(found)
    return weigh(standing_against(found)) if confirms else OVER


def _rows(leases: Sequence[Lease], known: Rows, *, consent_needed: bool) -> list[dict[str, Any]]:
    facts = {row["contractor_id"]: row for row in known}
    return [
        facts[lease.contractor_id]
        | {
            "message_type": lease.message_type,
            "promised": lease.promised,
            "changed_since": False,
            "consent_needed": consent_needed,
        }
        for lease in leases
    ]


def _one_after_the_other(leases: Sequence[Lease], rows: list[dict[str, Any]], sharing: Sharing) -> list[dict[str, Any]]:
    """Of several messages to one number the first goes; to the others it is one that is being sent."""
    going: dict[int, int] = {}
    for lease, row in zip(leases, rows, strict=True):
        number = sharing.numbers.get(lease.contractor_id) if lease.contractor_id is not None else None
        if number is not None:
            first = going.setdefault(number, lease.message_id)
            if first != lease.message_id and row["waiting_message_id"] is None:
                row["waiting_message_id"] = first
    return rows


def weigh(findings: Sequence[Finding]) -> Outcome | None:
    """Let the gravest effect decide: dead before cancelled before postponed; all reasons are kept."""
    if not findings:
        return None
    effects = {RULES[finding.reason].at_sending for finding in findings}
    reasons = tuple(finding.as_json() for finding in findings)
    if Effect.DEAD in effects:
        return Dead(next(f.reason.value for f in findings if RULES[f.reason].at_sending is Effect.DEAD))
    if Effect.CANCEL in effects:
        return Cancelled(reasons)
    moments = [moment for finding in findings if (moment := finding.clears_at) is not None]
    until = max(moments) if len(moments) == len(findings) else None
    return Postponed(reasons, until=until, delay=_LOOK_AGAIN)
