"""A test finds its database as the migrations leave it, whatever the one before did to it."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from ige_pipeline_tests.databases import Databases


@pytest.fixture(scope="module")
def databases(server_url: str, template_database: str) -> Iterator[Databases]:
    with closing(Databases(server_url, template=template_database)) as databases:
        yield databases


def do(databases: Databases, *statements: str) -> str:
    """Do something to a database, give it back, and return its URL."""
    with databases.migrated() as url, psycopg.connect(url, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())
    return url


def dump(databases: Databases) -> tuple[str, dict[str, object]]:
    """Return the URL of the database that is next, and all that its tables and sequences hold."""
    with databases.migrated() as url, psycopg.connect(url) as conn:
        names = [name for (name,) in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        sequences = conn.execute("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1").fetchall()
        tables = {name: conn.execute(f"TABLE {name}".encode()).fetchall() for name in names}
        return url, {"sequences": sequences, **tables}


MERE_ROWS = [
    ("INSERT INTO contractors (first_name) VALUES ('Ada')",),
    ("INSERT INTO contractors (first_name) VALUES ('Ada')", "DELETE FROM contractors", "VACUUM contractors"),
    ("SELECT nextval('ige_decision_id')",),
    ("SELECT ige_prepare_decisions('2031-05-01')",),
    ("UPDATE ige_switches SET value = '{}'",),
    ("DELETE FROM ige_switches",),
    ("INSERT INTO ige_switches (name, value, changed_by) VALUES ('stop', '{}', 'test')",),
    ("CREATE TEMPORARY TABLE mine (id int)",),
    (),
]

MORE_THAN_ROWS = [
    ("CREATE TABLE mine (id int)",),
    ("ALTER TABLE contractors ADD COLUMN more text",),
    ("ALTER TABLE contractors ALTER COLUMN first_name SET DEFAULT 'Ada'",),
    ("ALTER TABLE contractors ADD CONSTRAINT odd CHECK (id > 5) NOT VALID",),
    ("ALTER TABLE ai_proactive_messages DISABLE TRIGGER ALL", "ALTER TABLE contractors SET (fillfactor = 50)"),
    ("DROP INDEX ige_decisions_by_message",),
    ("CREATE INDEX mine ON contractors (id)", "DROP INDEX mine", "CREATE INDEX mine ON contractors (first_name)"),
    ("CREATE OR REPLACE FUNCTION ige_prepare_decisions(day date) RETURNS void LANGUAGE sql AS ''",),
    ("GRANT SELECT ON contractors TO PUBLIC",),
    ("CREATE SCHEMA mine",),
    ("ALTER SEQUENCE ige_decision_id INCREMENT 5",),
    ("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 50', current_database()); END $$",),
    ("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 5', current_database()); END $$",),
    ("INSERT INTO contractors (first_name) VALUES ('Ada')", "ANALYZE contractors"),
]


@pytest.mark.parametrize("statements", MERE_ROWS)
def test_rows_days_and_numbers_are_undone_and_the_database_is_used_again(
    databases: Databases, statements: tuple[str, ...]
) -> None:
    first, fresh = dump(databases)

    done_to = do(databases, *statements)

    assert done_to == first
    assert dump(databases) == (first, fresh)


@pytest.mark.parametrize("statements", MORE_THAN_ROWS)
def test_after_any_other_change_the_next_test_gets_a_new_database(
    databases: Databases, statements: tuple[str, ...]
) -> None:
    first, fresh = dump(databases)

    done_to = do(databases, *statements)

    assert done_to == first
    again, now = dump(databases)
    assert again != first
    assert now == fresh


def test_two_at_once_have_two(databases: Databases) -> None:
    with databases.migrated() as one, databases.migrated() as other:
        assert one != other


def test_what_a_test_left_connected_is_cut_off_and_its_lock_is_free(databases: Databases) -> None:
    with databases.migrated() as url:
        left = psycopg.connect(url)
        left.execute("LOCK TABLE contractors")
        left.execute("INSERT INTO contractors (first_name) VALUES ('Ada')")

    assert dump(databases)[1]["contractors"] == []
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    left.close()
