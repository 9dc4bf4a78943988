"""What a test asks a database about its own shape."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

Conn = psycopg.Connection[DictRow]

COLUMNS = """
SELECT table_name, column_name, ordinal_position, data_type, character_maximum_length, is_nullable, column_default
  FROM information_schema.columns
 WHERE table_schema = 'public'
 ORDER BY table_name, ordinal_position
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text AS on_table, conname, pg_get_constraintdef(oid) AS says
  FROM pg_constraint
 WHERE connamespace = 'public'::regnamespace
 ORDER BY 1, 2
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
INVALID = "SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid"


@contextmanager
def connected(url: str) -> Iterator[Conn]:
    """A connection whose locks do not outlive a test that went wrong."""
    options = "-c idle_in_transaction_session_timeout=20s"
    with psycopg.connect(url, autocommit=True, row_factory=dict_row, options=options) as conn:
        yield conn


def ask(url: str, query: str) -> list[dict[str, Any]]:
    with connected(url) as conn:
        return conn.execute(query.encode()).fetchall()


def columns_of(url: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["table_name"], row["column_name"]): row for row in ask(url, COLUMNS)}


def until_there_is(conn: Conn, query: str) -> None:
    """Ask again and again, without pause, until there is a row; give up after a long while."""
    for _ in range(100_000):
        if conn.execute(query.encode()).fetchone():
            return
    raise AssertionError(query)


def rewind(conn: Conn, revision: str) -> None:
    """Make a migrated database believe that it stopped there; a view that a later one widened is not there yet."""
    conn.execute("UPDATE ige_alembic_version SET version_num = %s", [revision])
    conn.execute("DROP VIEW ige_why")
