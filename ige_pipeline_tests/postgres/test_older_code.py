"""Older code keeps running beside the newest schema: what it reads and writes is still there, and no more is asked."""

from typing import Any

import pytest
from alembic import command

from ige_pipeline.postgres import migrate as migrating
from ige_pipeline.postgres.migrate import OLDEST_SERVED, migrate
from ige_pipeline.postgres.schema import head_revision, require_schema
from ige_pipeline.postgres.schema_change import Patience
from ige_pipeline.refusal import Refusal
from ige_pipeline_tests.postgres.asking import COLUMNS, ask, connected

Row = dict[str, Any]

UNIQUE = """
SELECT i.indrelid::regclass::text AS on_table, pg_get_indexdef(i.indexrelid) AS says,
       i.indexrelid::regclass::text AS name
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indrelid
 WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace
"""
# Whatever a row must fulfil, with the columns that it speaks of.
DEMANDS = """
SELECT c.conname AS name, c.conrelid::regclass::text AS on_table, pg_get_constraintdef(c.oid) AS says,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)) AS columns
  FROM pg_constraint c
 WHERE c.connamespace = 'public'::regnamespace
UNION ALL
SELECT i.indexrelid::regclass::text, i.indrelid::regclass::text, pg_get_indexdef(i.indexrelid),
       ARRAY(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[]))
  FROM pg_index i
  JOIN pg_class t ON t.oid = i.indrelid
 WHERE i.indisunique AND t.relnamespace = 'public'::regnamespace
"""
FUNCTIONS = """
SELECT p.proname AS name, pg_get_function_identity_arguments(p.oid) AS takes, pg_get_function_result(p.oid) AS gives
  FROM pg_proc p
 WHERE p.pronamespace = 'public'::regnamespace
"""
# Asked of columns that older code writes, and why its rows fulfil it: {"name of the constraint or index": "why"}.
FULFILLED: dict[str, str] = {}


def build(url: str, revision: str) -> None:
    """Bring an empty database to the schema of older code."""
    config = migrating._config()  # noqa: SLF001 - the same migrations, stopped earlier
    config.attributes["url"] = url.replace("postgresql://", "postgresql+psycopg://", 1)
    config.attributes["patience"] = Patience()
    command.upgrade(config, revision)


def by(rows: list[Row], *keys: str) -> dict[tuple[Any, ...], Row]:
    return {tuple(row[key] for key in keys): row for row in rows}


@pytest.fixture
def both(empty_database_url: str) -> tuple[dict[str, list[Row]], dict[str, list[Row]]]:
    """What the oldest served code found, and what it finds now."""
    asked = {"columns": COLUMNS, "demands": DEMANDS, "unique": UNIQUE, "functions": FUNCTIONS}
    build(empty_database_url, OLDEST_SERVED)
    then = {name: ask(empty_database_url, query) for name, query in asked.items()}
    migrate(empty_database_url)
    return then, {name: ask(empty_database_url, query) for name, query in asked.items()}


def test_nothing_that_older_code_needs_is_gone_narrower_or_newly_required(
    both: tuple[dict[str, list[Row]], dict[str, list[Row]]],
) -> None:
    then, now = both
    columns, tables = by(now["columns"], "table_name", "column_name"), {row["table_name"] for row in then["columns"]}

    for name, was in by(then["columns"], "table_name", "column_name").items():
        assert name in columns, f"{name} is gone"
        assert columns[name]["data_type"] == was["data_type"], name
        assert was["is_nullable"] == "NO" or columns[name]["is_nullable"] == "YES", f"{name} is newly required"
    added = [row for name, row in columns.items() if name not in by(then["columns"], "table_name", "column_name")]
    required = [row for row in added if row["is_nullable"] == "NO" and row["column_default"] is None]
    assert [row for row in required if row["table_name"] in tables] == []


def test_no_column_of_older_code_is_held_to_more(both: tuple[dict[str, list[Row]], dict[str, list[Row]]]) -> None:
    """A demand that speaks of a new column is fulfilled by its default: see the test of what is newly required."""
    then, now = both
    columns, had = by(then["columns"], "table_name", "column_name"), {row["says"] for row in then["demands"]}
    tables = {table for table, _ in columns}

    new = [
        row["name"]
        for row in now["demands"]
        if row["says"] not in had
        and row["on_table"] in tables
        and all((row["on_table"], column) in columns for column in row["columns"])
    ]

    assert set(new) - set(FULFILLED) == set()


def test_what_older_code_relies_on_to_be_unique_or_to_be_called_is_still_there(
    both: tuple[dict[str, list[Row]], dict[str, list[Row]]],
) -> None:
    then, now = both

    assert {row["says"] for row in then["unique"]} - {row["says"] for row in now["unique"]} == set()
    assert [each for each in then["functions"] if each not in now["functions"]] == []


@pytest.mark.parametrize(("serves", "runs"), [("0001", True), (None, True), ("0998", False)])
def test_code_runs_on_a_newer_schema_that_says_it_serves_it(
    database_url: str, serves: str | None, *, runs: bool
) -> None:
    with connected(database_url) as conn:
        conn.execute("UPDATE ige_alembic_version SET version_num = '0999'")
        query = "UPDATE ige_switches SET value = jsonb_build_object('serves', %s::text) WHERE name = 'schema'"
        conn.execute(query, [serves or head_revision()])

        if runs:
            require_schema(conn)
        else:
            with pytest.raises(Refusal, match="newer than this code"):
                require_schema(conn)


def test_a_schema_that_says_nothing_serves_nobody_but_its_own_code(database_url: str) -> None:
    with connected(database_url) as conn:
        conn.execute("UPDATE ige_alembic_version SET version_num = '0999'")
        conn.execute("DELETE FROM ige_switches WHERE name = 'schema'")

        with pytest.raises(Refusal, match="newer than this code"):
            require_schema(conn)


def test_every_migration_leaves_word_of_whom_it_serves(database_url: str) -> None:
    said = ask(database_url, "SELECT value FROM ige_switches WHERE name = 'schema'")

    assert said == [{"value": {"serves": OLDEST_SERVED}}]
    assert head_revision() >= OLDEST_SERVED
