"""Opting somebody out or in again by hand, and having looked at what a reply was flagged for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ige_pipeline.delivery.switches import audit
from ige_pipeline.inbound import opt_out as rights
from ige_pipeline.inbound.correspondent import number_of, whose
from ige_pipeline.inbound.opt_out_source import Source
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "by_hand.sql")


@dataclass(frozen=True)
class Done:
    """Whose number it is, how many messages were cancelled, and whether anything is another way than before."""

    contractor_ids: tuple[int, ...]
    cancelled: int
    changed: bool


def number_of_contractor(conn: Connection, contractor_id: int, settings: Settings) -> str:
    """Return somebody's number as E.164; Refusal where there is nobody, or none that is whole."""
    row = conn.execute(_QUERIES["phone_of"], {"contractor_id": contractor_id}).fetchone()
    if row is None:
        raise Refusal(f"There is no contractor {contractor_id}.")
    return whole_number(row["phone"] or "", settings)


def number_of_reply(conn: Connection, inbound_id: int) -> str | None:
    """Return the number that a reply came from, None where there is no such reply; Refusal where it has none."""
    row = conn.execute(_QUERIES["number_of_reply"], {"inbound_id": inbound_id}).fetchone()
    if row is not None and row["phone_e164"] is None:
        raise Refusal("An opt-out is by number, and this reply came from none that can be dialled.")
    return None if row is None else str(row["phone_e164"])


def whole_number(written: str, settings: Settings) -> str:
    """Return a number as E.164; Refusal, without showing it, where it cannot be dialled from everywhere."""
    number = number_of(written, settings)
    if number is None:
        raise Refusal("An opt-out is by number, and there is no number here that can be dialled: pause them instead.")
    return number


def opt_out(conn: Connection, phone_e164: str, settings: Settings, *, reason: str, who: str) -> Done:
    """Let nothing more go to a number, and cancel what waits for everybody who has it; a second time does no harm."""
    with conn.transaction():
        ids = whose(conn, phone_e164, settings).reached_by_it
        changed = rights.suppress(conn, phone_e164, source=Source.BY_HAND, reason=reason)
        cancelled = rights.cancel_waiting(conn, ids, who=who, anew=changed)
        _record(conn, "opt_out", phone_e164, ids, who=who, more={"reason": reason, "cancelled": cancelled})
    return Done(ids, cancelled, changed)


def opt_in(conn: Connection, phone_e164: str, settings: Settings, *, reason: str, who: str) -> Done:
    """Lift an opt-out, whatever made it: only somebody who was told so by the person behind the number may do this."""
    with conn.transaction():
        ids = whose(conn, phone_e164, settings).reached_by_it
        lifted = rights.lift(conn, phone_e164, sources=tuple(Source), who=who)
        if lifted:
            _record(conn, "opt_in", phone_e164, ids, who=who, more={"reason": reason})
    return Done(ids, 0, lifted)


def have_seen(conn: Connection, inbound_ids: Sequence[int], *, who: str) -> list[int]:
    """Sign that somebody looked at flagged replies; return the ids of those that nobody had."""
    with conn.transaction():
        rows = conn.execute(_QUERIES["have_seen"], {"ids": list(inbound_ids), "who": who}).fetchall()
        seen = [int(row["id"]) for row in rows]
        if seen:
            audit(conn, who=who, action="seen", detail={"replies": seen})
    return seen


def flagged(conn: Connection, *, limit: int) -> list[dict[str, Any]]:
    """Return what a person should look at, the oldest first, with its text."""
    return conn.execute(_QUERIES["flagged"], {"limit": limit}).fetchall()


def _record(
    conn: Connection, action: str, phone_e164: str, ids: Sequence[int], *, who: str, more: dict[str, object]
) -> None:
    """The trail names the contractors and the number's ending; each contractor's page finds its own."""
    known = {"contractors": list(ids), "number": f"…{phone_e164[-4:]}"} | more
    for contractor_id in ids or (None,):
        audit(conn, who=who, action=action, detail=known | ({"contractor_id": contractor_id} if contractor_id else {}))
