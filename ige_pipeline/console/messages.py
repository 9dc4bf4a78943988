"""Messages: found by search and filter, and each with its whole story on one page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from starlette.responses import Response

from ige_pipeline.console import render
from ige_pipeline.console.ask import MOST, Ask, Malformed, Missing
from ige_pipeline.console.desk import Desk
from ige_pipeline.ledger import why as ledger
from ige_pipeline.ledger.sentence import of_decision
from ige_pipeline.ledger.story import of_row
from ige_pipeline.masking import masked
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.triggers.trigger import MESSAGE_TYPES, load_all

_QUERIES = load(__package__, "messages.sql")
SHOWN, SCAN = 50, 20_000
_DIGITS = 4
STATES = ("waiting", "being sent", "sent", "answered", "dead", "cancelled", "expired")
_BY_INDEX = {
    "waiting": "waiting",
    "being sent": "waiting",
    "dead": "dead",
    "cancelled": "cancelled",
    "expired": "expired",
}
_TITLES = {
    "why due": "Why they were due",
    "known": "What was known",
    "person": "Where they stood",
    "note": "Note",
    "checks": "Safeguards",
    "verdict": "What became of it",
    "text": "What was written",
    "written": "Who wrote it",
    "asked": "What the model was told",
    "refused": "What was refused",
    "attempt": "An attempt",
    "reply": "They answered",
    "receipt": "The provider",
    "outcome": "What came of it",
}


@dataclass(frozen=True)
class Listing:
    """A page of messages; `older` is where the next one begins, None at the end, `looked_through` how many it read."""

    rows: list[dict[str, Any]]
    older: int | None
    looked_through: int


def listing(desk: Desk, ask: Ask) -> Response:
    """Show the newest that fit, and whom a search means."""
    chosen = {
        "q": sought(ask, "q"),
        "state": ask.one_of("state", STATES),
        "trigger": ask.one_of("trigger", triggers()),
        "message_type": ask.one_of("message_type", MESSAGE_TYPES),
    }
    found = search(ask.conn, chosen, before=ask.number("before"))
    return render.page(
        desk,
        ask,
        "_messages.html" if ask.fragment else "messages.html",
        found=found,
        people=people(ask.conn, chosen["q"] or ""),
        chosen=chosen,
        states=STATES,
        triggers=triggers(),
        message_types=sorted(MESSAGE_TYPES),
    )


def sought(ask: Ask, name: str) -> str:
    """Return what is searched for; who sees no phone numbers must not find one out, digit by digit.

    A number by itself is then that of a message or a contractor.
    """
    text = ask.text(name, most=100)
    if ask.visitor.sees_numbers or sum(char.isdecimal() for char in text) < _DIGITS:
        return text
    if not _is_number(text):
        raise Malformed("Your role sees no phone numbers: search for less than four digits, or for #1234 by itself.")
    return f"#{text.removeprefix('#')}"


def triggers() -> tuple[str, ...]:
    """Return the names that messages may have been written for."""
    return (*(trigger.name for trigger in load_all()), "external")


def search(conn: Connection, chosen: Mapping[str, str | None], *, before: int | None = None) -> Listing:
    """Return a page of messages that fit, newest first: those with these words in their text.

    On the first page that of this number and those of the people whom the words mean, too; `#` means a number alone.
    """
    text = chosen.get("q") or ""
    number = int(text.removeprefix("#")) if _is_number(text) else None
    if text.startswith("#") and number is not None:
        return read(conn, "one", {**chosen, "number": number}, before=before)
    scan = _BY_INDEX.get(chosen.get("state") or "", "all")
    found = read(conn, scan, {**chosen, "like": f"%{_literal(text)}%" if text else None}, before=before)
    if not text or before is not None:
        return found
    meant = read(conn, "one", {**chosen, "number": number}, before=None).rows if number is not None else []
    for each in people(conn, text):
        meant += read(conn, "of_contractor", {**chosen, "contractor_id": each["id"]}, before=None).rows
    rows = {row["id"]: row for row in (*found.rows, *meant)}
    return Listing([rows[each] for each in sorted(rows, reverse=True)], found.older, found.looked_through)


def of_contractor(conn: Connection, contractor_id: int, *, before: int | None = None) -> Listing:
    """Return a page of a contractor's messages, newest first."""
    return read(conn, "of_contractor", {"contractor_id": contractor_id}, before=before)


def read(conn: Connection, scan: str, values: Mapping[str, Any], *, before: int | None) -> Listing:
    """Look through at most SCAN messages in the way of `scan`, and return the first SHOWN that fit."""
    nothing = dict.fromkeys(("state", "trigger", "message_type", "like", "number", "contractor_id"))
    asked = {**nothing, **values, "before": before or MOST, "scan": SCAN, "shown": SHOWN}
    statement = sql.SQL(_QUERIES["page"]).format(scanned=sql.SQL(_QUERIES[scan] + "\n"))
    rows = conn.execute(statement, asked).fetchall()
    looked, reached = (rows[0]["looked_through"], rows[0]["reached"]) if rows else (0, None)
    rows = [row for row in rows if row["id"] is not None]
    if len(rows) == SHOWN:
        return Listing(rows, rows[-1]["id"], looked)
    return Listing(rows, reached if looked == SCAN else None, looked)


def people(conn: Connection, text: str) -> list[dict[str, Any]]:
    """Return up to twelve contractors whom a search may mean: by name, company, number or phone."""
    if not text:
        return []
    number = int(text.removeprefix("#")) if _is_number(text) else None
    begins = None if text.startswith("#") else f"{_literal(text.lower())}%"
    return conn.execute(_QUERIES["people"], {"begins": begins, "number": number, "phone": text}).fetchall()


def story(desk: Desk, ask: Ask) -> Response:
    """Show one message from the row that triggered it to the reply."""
    message_id = ask.part()
    row = ask.conn.execute(_QUERIES["message"], {"id": message_id}).fetchone()
    if row is None:
        raise Missing
    told = ledger.why(ask.conn, message_id=message_id, limit=1, previews=True)
    shown = ask.visitor.sees_numbers
    lines = [(_TITLES.get(label, label), label, masked(said, shown=shown)) for label, said in _lines(told)]
    sentence = of_decision(told[0]) if told else None
    return render.page(
        desk,
        ask,
        "message.html",
        message=row,
        decision=told[0] if told else None,
        lines=lines,
        sentence=sentence,
    )


def _lines(told: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The text and the verdict stand above; what is left is the way there."""
    return [line for line in of_row(told[0]) if line[0] not in {"text", "verdict"}] if told else []


def _is_number(text: str) -> bool:
    digits = text.removeprefix("#")
    return digits.isascii() and digits.isdecimal() and len(digits) <= 18 and not digits.startswith("0")  # noqa: PLR2004


def _literal(text: str) -> str:
    """Write a text so that LIKE takes it for itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
