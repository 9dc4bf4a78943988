"""Answer "why did John get this, and why did Mary get nothing?" from the ledger."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal

_QUERIES = load(__package__, "why.sql")


def why(
    conn: Connection,
    *,
    contractor_id: int | None = None,
    message_id: int | None = None,
    at: datetime | None = None,
    limit: int = 10,
    previews: bool = False,
) -> list[dict[str, Any]]:
    """Return the rows of the view `ige_why` for a contractor, a message or an hour (UTC), newest first."""
    values = {"contractor_id": contractor_id, "message_id": message_id, "at": at, "limit": limit, "previews": previews}
    return conn.execute(_QUERIES["why"], values).fetchall()


def count_previews(conn: Connection, contractor_id: int, *, at: datetime | None = None) -> int:
    """Return how many decisions about a contractor were only tried out."""
    row = conn.execute(_QUERIES["previews"], {"contractor_id": contractor_id, "at": at}).fetchone()
    return int(row["previews"]) if row else 0


def require_theirs(conn: Connection, contractor_id: int, message_id: int) -> None:
    """Refuse a message that there is not, or that went to somebody else, whom the refusal names."""
    row = conn.execute(_QUERIES["addressee"], {"message_id": message_id}).fetchone()
    if row is None:
        raise Refusal(f"There is no message {message_id}.")
    if row["contractor_id"] is None:
        raise Refusal(f"Message {message_id} is to nobody: its row names no contractor.")
    if row["contractor_id"] != contractor_id:
        whose = f"contractor {row['contractor_id']}" + (f" ({row['name']})" if row["name"] else "")
        raise Refusal(
            f"Message {message_id} is to {whose}, not to contractor {contractor_id}: "
            f"`ige why {row['contractor_id']} --message {message_id}` explains it."
        )


def contractor(
    conn: Connection, contractor_id: int, *, promised: Sequence[str], keep_days: int, at: datetime | None = None
) -> dict[str, Any]:
    """Return who a contractor is, when a batch last looked, and what those of the hour of `at` asked.

    A batch of the `promised` triggers alone did not look at everybody. `gone` is true of whoever was deleted.
    Raises Refusal where neither there is a row nor the ledger remembers one.
    """
    values = {"contractor_id": contractor_id, "at": at, "promised": list(promised), "keep_days": keep_days}
    row = conn.execute(_QUERIES["contractor"], values).fetchone()
    if row is None:
        raise Refusal(f"There is no contractor {contractor_id}.")
    return row
