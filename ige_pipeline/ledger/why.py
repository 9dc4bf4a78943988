"""Answer "why did John get this, and why did Mary get nothing?" from the ledger."""

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
) -> list[dict[str, Any]]:
    """Return the rows of the view `ige_why` for a contractor, a message or an hour (UTC), newest first."""
    values = {"contractor_id": contractor_id, "message_id": message_id, "at": at, "limit": limit}
    return conn.execute(_QUERIES["why"], values).fetchall()


def contractor(conn: Connection, contractor_id: int, *, at: datetime | None = None) -> dict[str, Any]:
    """Return who a contractor is, when a batch last looked, and how many did in the hour of `at`.

    Raises Refusal when there is no such row.
    """
    row = conn.execute(_QUERIES["contractor"], {"contractor_id": contractor_id, "at": at}).fetchone()
    if row is None:
        raise Refusal(f"There is no contractor {contractor_id}.")
    return row
