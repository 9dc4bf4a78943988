"""Every statement that the package sends is one that Postgres understands, whatever types its values arrive with."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import DictRow

import ige_pipeline
from ige_pipeline.postgres import queries
from ige_pipeline.triggers import evaluate
from ige_pipeline.triggers.trigger import Trigger, load_all

Conn = psycopg.Connection[DictRow]

PACKAGE = Path(ige_pipeline.__file__).parent
# A part of a statement that Python puts together; the whole is prepared below.
GAP = re.compile(r"\{\w+\}")


def named_queries() -> Iterator[tuple[str, str]]:
    for file in sorted(PACKAGE.rglob("*.sql")):
        for name, statement in queries.parse(file.read_text(encoding="utf-8")).items():
            if not GAP.search(statement):
                yield f"{file.relative_to(PACKAGE)}:{name}", statement


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn
    shared_conn.execute("DEALLOCATE ALL")


def prepare(conn: Conn, statement: str) -> None:
    """Let Postgres read a statement without being told a single type."""
    names: dict[str, int] = {}
    numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.setdefault(found[1], len(names) + 1)}", statement)
    conn.execute(f"PREPARE it AS {numbered.replace('%%', '%')}".encode())


@pytest.mark.parametrize(("name", "statement"), [pytest.param(*each, id=each[0]) for each in named_queries()])
def test_a_named_query_prepares_against_the_migrated_schema(conn: Conn, name: str, statement: str) -> None:
    assert name
    if re.match(r"(?s)(\s*--[^\n]*\n)*\s*(SELECT|INSERT|UPDATE|DELETE|WITH|VALUES)\b", statement):
        prepare(conn, statement)
    else:
        conn.execute(statement.encode())


@pytest.mark.parametrize("trigger", load_all(), ids=lambda trigger: trigger.name)
def test_a_trigger_prepares_against_the_migrated_schema(conn: Conn, trigger: Trigger) -> None:
    prepare(conn, evaluate.statement(trigger).as_string(conn))


def test_there_is_a_statement_in_every_sql_file() -> None:
    files = {file for file in PACKAGE.rglob("*.sql") if file.parent.name != "triggers"}

    assert files
    assert [file for file in files if not queries.parse(file.read_text(encoding="utf-8"))] == []


def test_a_statement_keeps_its_comment_and_loses_its_semicolon() -> None:
    text = "-- name: first\n-- Why.\nSELECT 1;\n\n-- name: second\nSELECT 2\n"

    assert queries.parse(text) == {"first": "-- Why.\nSELECT 1", "second": "SELECT 2"}


def test_a_name_that_occurs_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="occurs twice"):
        queries.parse("-- name: same\nSELECT 1;\n-- name: same\nSELECT 2;")


def test_a_name_that_is_not_in_the_file_is_an_error() -> None:
    with pytest.raises(KeyError):
        queries.load("ige_pipeline.ledger", "batch.sql")["no_such_query"]


def test_a_statement_that_does_not_prepare_is_noticed(conn: Conn) -> None:
    with pytest.raises(psycopg.errors.IndeterminateDatatype), conn.transaction():
        prepare(conn, "SELECT jsonb_build_object('seen', %(seen)s)")
    with pytest.raises(psycopg.errors.UndefinedColumn), conn.transaction():
        prepare(conn, sql.SQL("SELECT no_such_column FROM ai_proactive_messages").as_string(conn))
