"""What tests of this room share: a reply as n8n brings it, and what became of it."""

from itertools import count
from typing import Any

import psycopg
from psycopg.rows import DictRow

from ige_pipeline.inbound.letter import Letter
from ige_pipeline.inbound.receive import Taken, take
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import ago, make_contractor, make_message, make_sent_message, one

Conn = psycopg.Connection[DictRow]
NUMBER = "+12125550199"
_ids = count(1)


def make_letter(text: str = "All good, thanks", **over: Any) -> Letter:
    """A text from the number that everybody here has."""
    row = {"provider_id": f"SM{next(_ids)}", "sender": NUMBER, "recipient": "+12125550000", "text": text}
    return Letter(**(row | over))


def reply(conn: Conn, text: str = "All good, thanks", *, settings: Settings | None = None, **over: Any) -> Taken:
    """Somebody writes to us."""
    return take(conn, make_letter(text, **over), settings or Settings(), proof="token")


def waiting_for_answer(conn: Conn, *, phone: str = NUMBER, hours: float = 5, **over: Any) -> tuple[int, int]:
    """Somebody with that number, to whom a message was sent; return both ids."""
    contractor_id = make_contractor(conn, phone=phone)
    row = {"contractor_response": None, "response_received_at": None, "sent_at": ago(hours=hours), "attempts": 1}
    return contractor_id, make_sent_message(conn, contractor_id, **(row | over))


def due_message(conn: Conn, contractor_id: int, **over: Any) -> int:
    """A message that waits to be sent."""
    return make_message(conn, contractor_id, **({"trigger_name": "one_of_ours"} | over))


def inbound(conn: Conn, taken: Taken) -> DictRow:
    """The row of a reply."""
    return one(conn.execute("SELECT * FROM ige_inbound_messages WHERE id = %s", [taken.id]))


def suppressed(conn: Conn, number: str = NUMBER) -> bool:
    """Whether a number gets nothing more."""
    query = "SELECT 1 FROM ige_suppressions WHERE phone_e164 = %s AND lifted_at IS NULL"
    return conn.execute(query, [number]).fetchone() is not None


def suppress_by_hand(conn: Conn, number: str = NUMBER) -> None:
    """Somebody of ours opted a number out."""
    conn.execute(
        "INSERT INTO ige_suppressions (phone_e164, reason, source) VALUES (%s, 'a letter', 'by_hand')", [number]
    )


def trust_of(conn: Conn, contractor_id: int) -> list[tuple[str, int, int]]:
    """Return (indicator, impact, score) of all changes of somebody's trust, the oldest first."""
    query = "SELECT * FROM ai_trust_indicators WHERE contractor_id = %s ORDER BY recorded_at, id"
    return [
        (row["indicator_type"], row["confidence_impact"], row["cumulative_trust_score"])
        for row in conn.execute(query, [contractor_id])
    ]
