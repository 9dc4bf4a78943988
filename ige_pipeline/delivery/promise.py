"""Keep the tables that a message came from in step with it, and notice when it is no longer wanted."""

from typing import Any

from ige_pipeline.delivery.outcome import Cancelled, Outcome
from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load

_QUERIES = load(__package__, "promise.sql")


def close_promises(conn: Connection, batch: Batch) -> int:
    """Take off the old system's lists what this batch decided never to send; return how many rows."""
    closed = (conn.execute(_QUERIES[name], batch.key) for name in ("close_follow_ups", "close_event_messages"))
    return sum(done.rowcount for done in closed)


def keep_promises(conn: Connection, message_id: int | None = None) -> None:
    """Write into follow-ups and event messages that they were sent; a recurring one gets its next occurrence.

    Without a message id, for all whose message was sent and whose row does not say so yet.
    """
    with conn.transaction():
        recurring = conn.execute(_QUERIES["keep_follow_ups"], {"message_id": message_id}).fetchall()
        for link in recurring:
            conn.execute(_QUERIES["link_follow_up"], link)
        conn.execute(_QUERIES["keep_event_messages"], {"message_id": message_id})


def no_longer_wanted(conn: Connection, message_id: int) -> Outcome | None:
    """Return Cancelled with every reason that came up since the message was written, or None."""
    found: list[Any] = conn.execute(_QUERIES["no_longer_wanted"], {"message_id": message_id}).fetchall()
    reasons = sorted({row["reason"] for row in found})
    if not reasons:
        return None
    return Cancelled(tuple({"reason": reason, "observed": None, "limit": None} for reason in reasons))
