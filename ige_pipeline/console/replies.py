"""Replies: what came back, how it was read, and what a person should look at."""

from typing import Any

from starlette.responses import Response

from ige_pipeline.console import render
from ige_pipeline.console.ask import MOST, Ask
from ige_pipeline.console.confirm import Question, ask_first, done
from ige_pipeline.console.desk import Desk
from ige_pipeline.inbound import by_hand
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal

_QUERIES = load(__package__, "replies.sql")
_SHOWN = 50


def page(desk: Desk, ask: Ask) -> Response:
    """Show replies, the newest first, or those that wait for a person."""
    flagged = ask.one_of("flagged", ("yes",)) == "yes"
    rows = newest(ask.conn, flagged=flagged, before=ask.number("before"))
    older = rows[-1]["id"] if len(rows) == _SHOWN else None
    waiting = count_flagged(ask.conn)
    return render.page(desk, ask, "replies.html", rows=rows, older=older, flagged=flagged, waiting=waiting)


def newest(
    conn: Connection, *, flagged: bool = False, contractor_id: int | None = None, before: int | None = None
) -> list[dict[str, Any]]:
    """Return up to fifty replies before one, the newest first."""
    asked = {"flagged": flagged, "contractor_id": contractor_id, "before": before or MOST, "shown": _SHOWN}
    return conn.execute(_QUERIES["page"], asked).fetchall()


def count_flagged(conn: Connection) -> int:
    """Return how many wait for a person."""
    return int((conn.execute(_QUERIES["flagged"]).fetchone() or {})["flagged"])


def ask_seen(desk: Desk, ask: Ask) -> Response:
    """Ask whether somebody has looked."""
    told = ("It no longer waits for a person. What it did stays as it is: a number is opted out or in on its line.",)
    return ask_first(
        desk, ask, Question(f"Have you looked at reply {ask.part()}?", told, "I have", "/replies?flagged=yes")
    )


def seen(_desk: Desk, ask: Ask) -> Response:
    """Sign it, as `ige replies seen` does."""
    if not by_hand.have_seen(ask.conn, [ask.part()], who=ask.visitor.who):
        raise Refusal(f"Reply {ask.part()} does not wait for a person.")
    return done("/replies", "seen")
