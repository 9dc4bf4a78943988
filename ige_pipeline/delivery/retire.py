"""Going back to the old system: unsent messages are put where its worker does not find them, and brought back."""

import time
from collections.abc import Callable
from typing import Any

from ige_pipeline.delivery import switches
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "retire.sql")
_PATIENCE_S, _LOOK_EVERY_S = 100, 0.5
# A run may take a message in hand between our look and the move, and give it back because sending is stopped.
_ROUNDS = 10
_STILL = "A delivery run still holds messages: end it and type `ige retire` again; all sending is stopped."


def to_retire(conn: Connection) -> dict[str, int]:
    """Count what would be put aside: `ours_waiting`, `others_waiting` and `ended` (dead, cancelled, expired)."""
    return conn.execute(_QUERIES["to_retire"]).fetchone() or {}


def retire(
    conn: Connection, *, who: str, reason: str, seen: dict[str, Any], sleep: Callable[[float], None] = time.sleep
) -> int:
    """Stop all sending and scheduling, wait for what is being sent, put aside all that is unsent; return how many.

    What is put in, or taken in hand and given back, while it is at work is put aside, too.

    Raises Refusal, with sending stopped, when a message is still being sent after a lease's time.
    """
    _require_nothing_lost(conn)
    with conn.transaction():
        conn.execute(_QUERIES["take_turns"])
        conn.execute(_QUERIES["set_retired"], {"on": True, "reason": reason, "who": who})
        switches.set_stop(conn, on=True, reason=f"retired until `ige retire --undo`: {reason}", who=who)
    moved = 0
    for _ in range(_ROUNDS):
        _wait_for_what_is_being_sent(conn, sleep)
        with conn.transaction():
            conn.execute(_QUERIES["take_turns"])
            now = conn.execute(_QUERIES["set_aside"], {"who": who}).rowcount
            conn.execute(_QUERIES["ask_to_adopt"], {"who": who})
            switches.audit(conn, who=who, action="retire", detail={"messages": now, "reason": reason, **seen})
        moved += now
        if not conn.execute(_QUERIES["left_unsent"]).rowcount:
            return moved
    raise Refusal(_STILL)


def on_the_shelf(conn: Connection, settings: Settings) -> dict[str, int]:
    """Count what would come back: `messages` in all, `fresh` those that could still be sent."""
    values = {"expire_after_hours": settings.expire_after_hours}
    return conn.execute(_QUERIES["on_the_shelf"], values).fetchone() or {}


def bring_back(conn: Connection, settings: Settings, *, who: str) -> int:
    """Put back what was retired, and let batches schedule again; return how many. Sending stays stopped."""
    with conn.transaction():
        back = conn.execute(_QUERIES["bring_back"]).rowcount
        conn.execute(_QUERIES["set_retired"], {"on": False, "reason": None, "who": who})
        switches.set_stop(conn, on=True, reason="back from retirement, see `ige adopt` first", who=who)
        switches.audit(conn, who=who, action="retire --undo", detail={"messages": back})
        found = switches.to_adopt(conn, settings)
        if not any(count for name, count in found.items() if name not in {"oldest", "newest"}):
            switches.adopt(conn, who=who, seen=found)
    return back


def _require_nothing_lost(conn: Connection) -> None:
    row = conn.execute(_QUERIES["would_be_lost"]).fetchone()
    if row is not None:
        raise Refusal(
            f"Rows of {row['table_name']} would be deleted or changed with the messages that they refer to: let that "
            "foreign key be without ON DELETE first; nothing was moved."
        )


def _wait_for_what_is_being_sent(conn: Connection, sleep: Callable[[float], None]) -> None:
    for _ in range(int(_PATIENCE_S / _LOOK_EVERY_S)):
        row = conn.execute(_QUERIES["being_sent"]).fetchone()
        if row is None or row["messages"] == 0:
            return
        sleep(_LOOK_EVERY_S)
    raise Refusal(_STILL)
