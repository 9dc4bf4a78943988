"""What the demo tells at its end: who was written to and why, who waits, and who was not written to and why."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ige_pipeline.ledger.sentence import of_reason
from ige_pipeline.postgres import queries
from ige_pipeline.postgres.connection import Connection

Row = Mapping[str, Any]

SHOWN = 12
"""Rows of the two less exciting tables; the others are counted."""


def show(console: Console, conn: Connection, *, batch_id: int, since: datetime) -> int:
    """Print the tables of one batch and of what was sent since then; return how many were sent."""
    sql = queries.load(__package__, "demo.sql")
    sent = conn.execute(sql["sent"], {"since": since}).fetchall()
    waiting = conn.execute(sql["waiting"]).fetchall()
    blocked = conn.execute(sql["not_written"], {"batch_id": batch_id}).fetchall()
    others = conn.execute(sql["nothing_due"], {"batch_id": batch_id}).fetchall()
    console.print(_sent(sent))
    if waiting:
        console.print(_waiting(waiting))
    console.print(_not_written(blocked, others))
    return len(sent)


def sentence(reason: Row) -> str:
    """Say one reason of the ledger in its words, with figures and moments as a person reads them."""
    return of_reason({name: _plain(value) for name, value in reason.items()})


def masked(phone: str | None) -> str:
    """Show the last four digits of a number, and of one as short as that nothing."""
    digits = "".join(letter for letter in phone or "" if letter.isdigit())
    return f"…{digits[-4:] if len(digits) > 4 else ''}" if phone else "none"  # noqa: PLR2004 - the last four


def _sent(rows: list[dict[str, Any]]) -> Table:
    table = _table(f"Written to: {len(rows)}", "Who", "Phone", "Why", "Text")
    for row in rows:
        why = f"[bold]{_words(row['trigger_name'])}[/]\n{escape(row['reason'] or '')}"
        table.add_row(_who(row), masked(row["phone"]), why, escape(row["message_content"] or ""))
    return table


def _waiting(rows: list[dict[str, Any]]) -> Table:
    table = _table(f"Written, and waiting to be sent: {len(rows)}", "Who", "Phone", "Why", "To be sent (their time)")
    for row in rows[:SHOWN]:
        table.add_row(_who(row), masked(row["phone"]), _words(row["trigger_name"]), _due(row))
    return _counted(table, rows)


def _not_written(blocked: list[dict[str, Any]], others: list[dict[str, Any]]) -> Table:
    table = _table(f"Not written to this time: {len(blocked) + len(others)}", "Who", "Phone", "Was due for", "Why not")
    for row in blocked:
        why = "\n".join(map(sentence, row["reasons"])) or ", ".join(map(_words, row["verdicts"]))
        table.add_row(_who(row), masked(row["phone"]), "\n".join(map(_words, row["triggers"])), escape(why))
    for row in others[:SHOWN]:
        table.add_row(_who(row), masked(row["phone"]), "nothing", _last_sent(row))
    return _counted(table, others)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_lines=True, expand=True)
    for column, ratio in zip(columns, (3, None, 4, 5), strict=True):
        # A masked number is five letters wide and must not be folded, however narrow the terminal is.
        table.add_column(column, ratio=ratio, width=None if ratio else 5, min_width=5, overflow="fold")
    return table


def _counted(table: Table, rows: Iterable[Row]) -> Table:
    left = len(list(rows)) - SHOWN
    if left > 0:
        table.add_row(f"and {left} more", "", "", "")
    return table


def _who(row: Row) -> str:
    """Name them, with the number that `ige why` wants."""
    return f"{escape(row['name'])}\n[dim]#{row['id']} {escape(row['company_name'] or '')}[/]"


def _due(row: Row) -> str:
    zone = ZoneInfo(row["timezone"] or "UTC")
    when = f"{row['due_at'].astimezone(zone):%a %H:%M} {zone.key}" if row["due_at"] else "in the next delivery run"
    return f"{when}\n{_words(row['last_error'])}" if row["last_error"] else when


def _last_sent(row: Row) -> str:
    if row["last_sent_at"] is None:
        return "no trigger fires for them"
    return f"no trigger fires for them; last written to on {row['last_sent_at']:%d %b %H:%M} UTC"


def _words(name: str) -> str:
    return escape(name.replace("_", " "))


def _plain(value: Any) -> Any:
    """Write a figure without needless decimals, and a moment to the minute."""
    if isinstance(value, float):
        return f"{value:g}"
    try:
        return f"{datetime.fromisoformat(value):%a %d %b, %H:%M} UTC"
    except (TypeError, ValueError):
        return value
