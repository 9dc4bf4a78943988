"""Cancel single messages that have not left yet."""

from collections.abc import Sequence
from dataclasses import dataclass

from ige_pipeline.delivery.promise import drop_promise
from ige_pipeline.delivery.switches import audit
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load

_QUERIES = load(__package__, "cancel.sql")


@dataclass(frozen=True)
class Outlook:
    """What has become of a message; only one that `waits` can be cancelled."""

    message_id: int
    contractor_id: int | None
    trigger_name: str
    message_type: str | None
    state: str


def outlook(conn: Connection, ids: Sequence[int]) -> list[Outlook]:
    """Return those of the messages that exist, in order of their ids."""
    return [Outlook(**row) for row in conn.execute(_QUERIES["outlook"], {"ids": list(ids)})]


def cancel(conn: Connection, ids: Sequence[int], *, who: str, reason: str) -> list[int]:
    """Cancel what still waits, with its promise; return the ids that are cancelled now.

    What is being sent at this moment stays: it may have left already.
    """
    with conn.transaction():
        done = [message_id for message_id in ids if _cancel_one(conn, message_id, who=who, reason=reason)]
        if done:
            audit(conn, who=who, action="cancel", detail={"messages": done, "reason": reason})
    return done


def _cancel_one(conn: Connection, message_id: int, *, who: str, reason: str) -> bool:
    values = {"message_id": message_id, "who": who, "reason": reason}
    if conn.execute(_QUERIES["cancel"], values).rowcount == 0:
        return False
    drop_promise(conn, message_id)
    return True
