"""What people decide by hand about all sending: stop, start, adopt. Each is recorded with who did it."""

from typing import Any

from psycopg.types.json import Jsonb

from ige_pipeline.ledger.batch import require_in_service
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "switches.sql")


def set_stop(conn: Connection, *, on: bool, reason: str | None, who: str) -> None:
    """Stop all sending within one message, on all machines, or lift that; Refusal to lift it while retired."""
    if not on:
        require_in_service(conn)
    with conn.transaction():
        conn.execute(_QUERIES["set_stop"], {"on": on, "reason": reason, "who": who})
        audit(conn, who=who, action="stop" if on else "start", detail={"reason": reason})


def to_adopt(conn: Connection, settings: Settings) -> dict[str, Any]:
    """Count what was in the outbox before us: what would be sent, and what would expire."""
    rows = conn.execute(_QUERIES["to_adopt"], {"expire_after_hours": settings.expire_after_hours}).fetchone() or {}
    return rows | (
        conn.execute(_QUERIES["promised_to_adopt"], {"promised_late_hours": settings.promised_late_hours}).fetchone()
        or {}
    )


def adopt(conn: Connection, *, who: str, seen: dict[str, Any]) -> None:
    """Let delivery take what others put into the outbox; `seen` is what the person was shown."""
    with conn.transaction():
        conn.execute(_QUERIES["adopt"], {"who": who})
        audit(conn, who=who, action="adopt", detail={name: str(value) for name, value in seen.items()})


def last_day(conn: Connection) -> dict[str, Any]:
    """Return the newest batch and the outcomes of the last 24 hours."""
    outcomes = {row["outcome"]: row["messages"] for row in conn.execute(_QUERIES["outcomes_today"])}
    return {"last_batch": conn.execute(_QUERIES["batches_today"]).fetchone(), "outcomes_24h": outcomes}


def audit(conn: Connection, *, who: str, action: str, detail: dict[str, Any]) -> None:
    """Record what somebody did by hand."""
    conn.execute(_QUERIES["audit"], {"who": who, "action": action, "detail": Jsonb(detail)})
