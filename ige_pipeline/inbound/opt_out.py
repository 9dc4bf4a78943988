"""Opting out and in, for replies, receipts and people at a terminal alike: always by number, and all of it at once."""

from collections.abc import Sequence

from ige_pipeline.delivery.promise import drop_promise
from ige_pipeline.inbound.opt_out_source import Source, source_of, weaker_than
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load

_QUERIES = load(__package__, "opt_out.sql")


def suppress(conn: Connection, phone_e164: str, *, source: Source, reason: str) -> bool:
    """Let nothing more go to a number; return whether something could until now."""
    weaker = [str(each) for each in weaker_than(source)]
    values = {"phone_e164": phone_e164, "source": str(source), "reason": reason, "weaker": weaker}
    row = conn.execute(_QUERIES["suppress"], values).fetchone()
    return row is not None and bool(row["new"])


def lift(conn: Connection, phone_e164: str, *, sources: Sequence[Source], who: str) -> bool:
    """Take a suppression back that one of these made; return whether there was one."""
    values = {"phone_e164": phone_e164, "sources": [str(each) for each in sources], "who": who}
    return conn.execute(_QUERIES["lift"], values).rowcount > 0


def suppressed_by(conn: Connection, phone_e164: str) -> Source | None:
    """Say what made the suppression of a number, None where there is none."""
    row = conn.execute(_QUERIES["standing"], {"phone_e164": phone_e164}).fetchone()
    return None if row is None else source_of(row["source"])


def cancel_waiting(conn: Connection, contractor_ids: Sequence[int], *, who: str, anew: bool) -> int:
    """Cancel all that waits for these people, with its promises; return how many messages.

    `anew`: they could be written to until now, so that what would confirm an opt-out confirms one that was lifted.
    """
    values = {"contractor_ids": list(contractor_ids), "who": who, "anew": anew}
    rows = conn.execute(_QUERIES["cancel_waiting"], values).fetchall()
    for row in rows:
        drop_promise(conn, row["id"])
    return len(rows)


def confirm(conn: Connection, contractor_id: int, *, inbound_id: int, text: str) -> int:
    """Put the one confirmation of an opt-out into the outbox; return its id. The table refuses a second one."""
    conn.execute(_QUERIES["prepare_decisions"])
    row = conn.execute(_QUERIES["next_decision"]).fetchone() or {}
    values = {"contractor_id": contractor_id, "inbound_id": inbound_id, "text": text, "decision_id": row["id"]}
    message = conn.execute(_QUERIES["confirm"], values).fetchone() or {}
    conn.execute(_QUERIES["explain_confirmation"], values | {"message_id": message["id"]})
    return int(message["id"])
