"""Pause one contractor by hand, for good or until a moment, and resume."""

from datetime import datetime

from ige_pipeline.delivery.switches import audit
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal

_QUERIES = load(__package__, "pause.sql")


def pause(conn: Connection, contractor_id: int, *, until: datetime | None, reason: str, who: str) -> None:
    """Let nothing be sent to somebody before `until`, or before somebody resumes; what waits goes on waiting.

    Raises Refusal when there is no such contractor, or `until` is over.
    """
    values = {"contractor_id": contractor_id, "until": until, "reason": reason}
    if until is not None and (conn.execute(_QUERIES["is_past"], values).fetchone() or {})["past"]:
        raise Refusal(f"{until:%Y-%m-%d %H:%M %Z} is over: a pause ends later than now.")
    with conn.transaction():
        _require(conn.execute(_QUERIES["pause"], values).fetchone(), contractor_id)
        told = {"contractor_id": contractor_id, "until": until and until.isoformat(), "reason": reason}
        audit(conn, who=who, action="pause", detail=told)


def resume(conn: Connection, contractor_id: int, *, reason: str, who: str) -> None:
    """Lift a pause; Refusal when there is no such contractor."""
    with conn.transaction():
        _require(conn.execute(_QUERIES["resume"], {"contractor_id": contractor_id}).fetchone(), contractor_id)
        audit(conn, who=who, action="resume", detail={"contractor_id": contractor_id, "reason": reason})


def _require(row: object, contractor_id: int) -> None:
    if row is None:
        raise Refusal(f"There is no contractor {contractor_id}.")
