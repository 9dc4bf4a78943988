"""Statements that are asked again and again: their text is read once, and not for each time that they are asked.

psycopg looks for `%(name)s` anew in every text of more than 4 kB, which can take longer than Postgres takes to answer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import RawCursor
from psycopg.rows import DictRow, dict_row

from ige_pipeline.postgres.connection import Connection

Rows = RawCursor[DictRow]
_HOLE = re.compile(r"%\((\w+)\)s|%%")


@dataclass(frozen=True)
class Numbered:
    """A statement as Postgres reads it ($1, $2), and the names of its values in that order."""

    text: bytes
    names: tuple[str, ...]


def numbered(statement: str) -> Numbered:
    """Give the values of a named statement numbers."""
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return "%" if found[1] is None else f"${names.setdefault(found[1], len(names) + 1)}"

    return Numbered(_HOLE.sub(number, statement).encode(), tuple(names))


def ask(conn: Connection, statement: Numbered, values: Mapping[str, Any]) -> Rows:
    """Execute it; KeyError where a value is missing. In a pipeline the rows are there at its end."""
    asked = [values[name] for name in statement.names]
    return RawCursor(conn, row_factory=dict_row).execute(statement.text, asked)
