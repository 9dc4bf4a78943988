"""Ask every safeguard again at the moment of sending: much can happen between an hour's batch and a text's leaving."""

from datetime import timedelta
from typing import Any

import psycopg

from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.outcome import Cancelled, Dead, Outcome, Postponed
from ige_pipeline.delivery.promise import no_longer_wanted
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings

_LOOK_AGAIN = timedelta(minutes=15)


def rescreen(conn: Connection, lease: Lease, settings: Settings, *, consent_needed: bool = True) -> Outcome | None:
    """Return what stops this message now, or None when it may go. Other waiting messages do not count, sent ones do.

    What cannot be evaluated for this one message postpones it and no other. Raises psycopg.OperationalError when the
    database is gone.
    """
    try:
        return _screen(conn, lease, settings, consent_needed=consent_needed)
    except (psycopg.OperationalError, psycopg.InterfaceError, Refusal):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is no
        return Postponed(({"reason": "unevaluated", "observed": type(error).__name__, "limit": "an answer"},))


def _screen(conn: Connection, lease: Lease, settings: Settings, *, consent_needed: bool) -> Outcome | None:
    if (unwanted := no_longer_wanted(conn, lease.message_id)) is not None:
        return unwanted
    # pandas costs a second to import; a delivery run that has nothing to send never pays it.
    from ige_pipeline.safeguards.recipient import screen  # noqa: PLC0415
    from ige_pipeline.safeguards.screen import with_facts  # noqa: PLC0415

    candidate = {
        "contractor_id": lease.contractor_id,
        "message_type": lease.message_type,
        "promised": lease.promised,
        "changed_since": False,
    }
    frame = with_facts(
        conn, [candidate], settings, consent_needed=consent_needed, sending=True, message_id=lease.message_id
    )
    now = frame["asked_at"].iloc[0].to_pydatetime()
    return weigh(screen(frame, settings, now=now).get(0, []))


def weigh(findings: list[Any]) -> Outcome | None:
    """Let the gravest effect decide: dead before cancelled before postponed; all reasons are kept."""
    from ige_pipeline.safeguards.reason import RULES, Effect  # noqa: PLC0415

    if not findings:
        return None
    effects = {RULES[finding.reason].at_sending for finding in findings}
    reasons = tuple(finding.as_json() for finding in findings)
    if Effect.DEAD in effects:
        return Dead(next(f.reason.value for f in findings if RULES[f.reason].at_sending is Effect.DEAD))
    if Effect.CANCEL in effects:
        return Cancelled(reasons)
    moments = [finding.clears_at for finding in findings]
    until = max(moments) if all(moments) else None
    return Postponed(reasons, until=until, delay=_LOOK_AGAIN)
