"""How the command line speaks: a line, a table, or JSON for scripts."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import click
from rich.console import Console
from rich.table import Table


def say(text: str) -> None:
    """Print one line."""
    click.echo(text)


def as_json(value: Any) -> None:
    """Print one JSON document; times are ISO 8601."""
    click.echo(json.dumps(value, default=str, indent=2))


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Print a table; cells are shown as they are and never read as markup."""
    shown = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*("" if cell is None else _plain(cell) for cell in row))
    Console().print(shown)


def counts(title: str, found: Mapping[str, int]) -> None:
    """Print counts in one line: `title: a 3, b 1`."""
    say(f"{title}: " + (", ".join(f"{name} {count}" for name, count in found.items() if count) or "none"))


def _plain(cell: Any) -> str:
    return str(cell).replace("[", "\\[")
