"""Our own tables: end what is older than it is kept, and count what is left."""

from typing import Any

from ige_pipeline.ledger.batch import retire_decisions
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "ours.sql")
# A statement of this many rows holds no lock for long.
_AT_ONCE = 10_000


def tidy(conn: Connection, settings: Settings) -> dict[str, int]:
    """Return how much went: days of the ledger, with what hangs on them, and rows of other tables."""
    keep = {"keep_days": settings.keep_decisions_days}
    keep_replies = {"keep_days": settings.keep_inbound_days}
    return {
        "ledger_days": retire_decisions(conn, keep_days=settings.keep_decisions_days),
        "alerts": conn.execute(_QUERIES["retire_alerts"], keep).rowcount,
        "attempts_of_sent": _retire_attempts(conn, keep_days=settings.keep_attempts_days),
        "texts_of_replies": conn.execute(_QUERIES["forget_replies"], keep_replies).rowcount,
        "receipts": conn.execute(_QUERIES["retire_receipts"], keep_replies).rowcount,
        "spend_days": conn.execute(_QUERIES["retire_spend"], keep).rowcount,
    }


def _retire_attempts(conn: Connection, *, keep_days: int, at_once: int = _AT_ONCE) -> int:
    gone, last = 0, at_once
    while last == at_once:
        last = conn.execute(_QUERIES["retire_attempts_of_sent"], {"keep_days": keep_days, "at_once": at_once}).rowcount
        gone += last
    return gone


def sizes(conn: Connection) -> dict[str, Any]:
    """Return how much is left: rows (those of great tables as Postgres estimates them) and bytes."""
    return conn.execute(_QUERIES["sizes"]).fetchone() or {}
