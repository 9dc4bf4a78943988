"""Dead letters: messages that no further try could help, until a person mends the cause and sends them again."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg.errors import UniqueViolation

from ige_pipeline.delivery.switches import audit
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "dead.sql")
_ONE_OCCURRENCE = "ige_one_message_for_each_occurrence"

OBSTACLES = {
    "stale": "its time is over; --expires-in 4h gives it so much more",
    "occurrence_taken": "another message about the same waits, or was sent",
}


@dataclass(frozen=True)
class Letter:
    """One dead letter without its text. `obstacle` names what stands against a redrive (see OBSTACLES)."""

    message_id: int
    contractor_id: int | None
    trigger_name: str
    message_type: str | None
    dead_at: datetime
    dead_reason: str
    attempts: int
    obstacle: str | None


@dataclass(frozen=True)
class Which:
    """Which dead letters are meant: these ids, those since a moment, those that died of one reason.

    `before` is where a page of them ended: when its last one died, and its id.
    """

    ids: Sequence[int] | None = None
    since: datetime | None = None
    reason: str | None = None
    limit: int | None = None
    before: tuple[datetime, int] | None = None


def letters(conn: Connection, which: Which, settings: Settings, *, expires_in: timedelta | None = None) -> list[Letter]:
    """Return the dead letters that are meant, the newest first."""
    known: dict[str, Any] = {"expire_after_hours": settings.expire_after_hours, "expires_in": expires_in}
    before_at, before_id = which.before or (None, None)
    known |= {"before_at": before_at, "before_id": before_id}
    values = asdict(which) | {"ids": None if which.ids is None else list(which.ids)} | known
    return [Letter(**row) for row in conn.execute(_QUERIES["dead_letters"], values)]


def letter(conn: Connection, message_id: int) -> dict[str, Any]:
    """Return one dead letter whole, its text and every attempt included; Refusal when the message is not dead."""
    row = conn.execute(_QUERIES["dead_letter"], {"message_id": message_id}).fetchone()
    if row is None:
        raise Refusal(f"There is no dead letter {message_id}: `ige dead list` shows what there is.")
    return row


def redrive(
    conn: Connection, ids: Sequence[int], settings: Settings, *, who: str, expires_in: timedelta | None = None
) -> tuple[list[int], list[Letter]]:
    """Make dead letters due again; return the ids of those that are, and those that something stands against.

    Key and history stay, the tries start anew, and every safeguard is asked again at sending.
    """
    with conn.transaction():
        conn.execute(_QUERIES["hold_still"], {"ids": list(ids)})
        done, left = [], []
        for each in letters(conn, Which(ids=ids), settings, expires_in=expires_in):
            if each.obstacle is not None:
                left.append(each)
            elif _redrive_one(conn, each, who=who, expires_in=expires_in):
                done.append(each)
            else:
                left.append(replace(each, obstacle="occurrence_taken"))
        redriven = sorted(each.message_id for each in done)
        if redriven:
            lives = None if expires_in is None else str(expires_in)
            audit(conn, who=who, action="redrive", detail={"messages": redriven, "expires_in": lives})
    return redriven, left


def _redrive_one(conn: Connection, each: Letter, *, who: str, expires_in: timedelta | None) -> bool:
    """Two dead letters may be about one occurrence: the table lets the first of them pass."""
    values = {"message_id": each.message_id, "who": who, "expires_in": expires_in, "dead_reason": each.dead_reason}
    try:
        with conn.transaction():
            conn.execute(_QUERIES["redrive"], values)
            conn.execute(_QUERIES["reopen_event_message"], values)
            conn.execute(_QUERIES["reopen_follow_up"], values)
    except UniqueViolation as error:
        if error.diag.constraint_name != _ONE_OCCURRENCE:
            raise
        return False
    return True
