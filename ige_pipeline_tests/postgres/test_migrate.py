"""Migrations on an empty database, on the old system's, on one half done, and where they must refuse."""

import secrets
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from alembic.script import ScriptDirectory
from psycopg import sql

from ige_pipeline.postgres.migrate import migrate
from ige_pipeline.postgres.schema import (
    MIGRATIONS,
    VERSION_TABLE,
    current,
    head_revision,
    known_revisions,
    require_schema,
)
from ige_pipeline.refusal import Refusal
from ige_pipeline_tests.factories import build_old_system, one
from ige_pipeline_tests.postgres.asking import (
    COLUMNS,
    CONSTRAINTS,
    INDEXES,
    INVALID,
    ask,
    columns_of,
    connected,
    rewind,
    until_there_is,
)

OLD_TABLES = (
    "ai_concierge_checklist_items",
    "ai_concierge_goals",
    "ai_proactive_messages",
    "ai_trust_indicators",
    "contractor_action_items",
    "contractor_followup_schedules",
    "contractors",
    "event_messages",
    "events",
)

BY_THE_OLD_PROGRAM = """
INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, ai_reasoning, context_data, created_at,
                                   updated_at)
VALUES (%s, %s, %s, %s, %s, NOW(), NOW())
RETURNING *
"""


@pytest.fixture
def old_database_url(empty_database_url: str) -> str:
    build_old_system(empty_database_url)
    return empty_database_url


def content_of(url: str, columns: Mapping[tuple[str, str], object]) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the old tables, in the columns that they had."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    with psycopg.connect(url) as conn:
        for table in OLD_TABLES:
            names = sql.SQL(", ").join(sql.Identifier(name) for owner, name in columns if owner == table)
            query = sql.SQL("SELECT {} FROM {} ORDER BY id").format(names, sql.Identifier(table))
            found[table] = conn.execute(query).fetchall()
    return found


def adoption(url: str) -> dict[str, Any]:
    with connected(url) as conn:
        return dict(one(conn.execute("SELECT value FROM ige_switches WHERE name = 'adoption'"))["value"])


def test_an_empty_database_gets_every_table_of_the_design(empty_database_url: str) -> None:
    migrate(empty_database_url)

    tables = {table for table, _ in columns_of(empty_database_url)}
    assert set(OLD_TABLES) <= tables
    assert {"ige_batches", "ige_decisions", "ige_delivery_attempts", "ige_switches", "ige_audit"} <= tables
    assert ask(empty_database_url, INVALID) == []
    assert adoption(empty_database_url)["state"] == "done"


def test_an_empty_and_an_old_database_end_with_the_same_columns(empty_database_url: str, database_url: str) -> None:
    build_old_system(empty_database_url)

    migrate(empty_database_url)

    assert columns_of(empty_database_url).keys() == columns_of(database_url).keys()


def test_nothing_that_existed_is_altered(old_database_url: str) -> None:
    columns = columns_of(old_database_url)
    content = content_of(old_database_url, columns)
    constraints = ask(old_database_url, CONSTRAINTS)
    indexes = ask(old_database_url, INDEXES)

    migrate(old_database_url)

    after = columns_of(old_database_url)
    assert {name: after[name] for name in columns} == columns
    assert content_of(old_database_url, columns) == content
    assert [each for each in constraints if each not in ask(old_database_url, CONSTRAINTS)] == []
    assert [each for each in indexes if each not in ask(old_database_url, INDEXES)] == []


def test_every_added_column_leaves_an_old_insert_whole(old_database_url: str) -> None:
    before = columns_of(old_database_url)

    migrate(old_database_url)

    added = [row for name, row in columns_of(old_database_url).items() if name not in before and name[0] in OLD_TABLES]
    assert added
    assert [row for row in added if row["is_nullable"] == "NO" and row["column_default"] is None] == []


def test_the_old_program_goes_on_inserting(old_database_url: str) -> None:
    migrate(old_database_url)

    with connected(old_database_url) as conn:
        row = one(conn.execute(BY_THE_OLD_PROGRAM, [1, "check_in", "Hi Grace, all well?", "why", '{"goal_id": 1}']))

    assert row["sent_at"] is None
    assert row["idempotency_key"] is not None
    assert (row["attempts"], row["lease_token"], row["dedupe_key"]) == (0, None, None)


def test_migrating_again_changes_nothing(old_database_url: str) -> None:
    migrate(old_database_url)
    before = [ask(old_database_url, query) for query in (COLUMNS, CONSTRAINTS, INDEXES)]
    switches = ask(old_database_url, "SELECT * FROM ige_switches")

    migrate(old_database_url)

    assert [ask(old_database_url, query) for query in (COLUMNS, CONSTRAINTS, INDEXES)] == before
    assert ask(old_database_url, "SELECT * FROM ige_switches") == switches


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
def test_a_migration_that_was_cut_off_is_simply_run_again(database_url: str, revision: str) -> None:
    before = [ask(database_url, query) for query in (COLUMNS, CONSTRAINTS, INDEXES)]
    with connected(database_url) as conn:
        rewind(conn, revision)

    migrate(database_url)

    assert [ask(database_url, query) for query in (COLUMNS, CONSTRAINTS, INDEXES)] == before


def test_two_processes_that_migrate_at_once_take_turns(empty_database_url: str) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            migrate(empty_database_url)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test must see it
            failures.append(error)

    # Alembic keeps what it works on in the process, so only the first turn is taken by a thread.
    with connected(empty_database_url) as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", [0x1_6E_01])
        thread = threading.Thread(target=run)
        thread.start()
        until_there_is(conn, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        assert current(conn) is None
        conn.execute("SELECT pg_advisory_unlock(%s)", [0x1_6E_01])
        thread.join(timeout=30)

    assert failures == []
    with connected(empty_database_url) as conn:
        assert current(conn) == head_revision()


def test_a_database_that_is_newer_than_the_code_is_refused_in_one_sentence(database_url: str) -> None:
    with connected(database_url) as conn:
        conn.execute("UPDATE ige_alembic_version SET version_num = '0999'")
        conn.execute("""UPDATE ige_switches SET value = '{"serves": "0998"}' WHERE name = 'schema'""")
    before = [ask(database_url, query) for query in (COLUMNS, CONSTRAINTS, INDEXES)]

    with pytest.raises(Refusal, match="newer than this code") as refusal:
        migrate(database_url)

    assert "0999" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert [ask(database_url, query) for query in (COLUMNS, CONSTRAINTS, INDEXES)] == before
    with connected(database_url) as conn, pytest.raises(Refusal, match="newer than this code"):
        require_schema(conn)


def test_a_database_whose_bytes_mean_nothing_is_refused_in_one_sentence(server_url: str) -> None:
    name = f"ige_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0".encode())
        try:
            with pytest.raises(Refusal, match="SQL_ASCII"):
                migrate(urlsplit(server_url)._replace(path=f"/{name}").geturl())
        finally:
            conn.execute(f"DROP DATABASE {name}".encode())


def test_a_database_that_was_never_migrated_is_told_what_to_run(empty_database_url: str) -> None:
    with connected(empty_database_url) as conn, pytest.raises(Refusal, match="never been migrated: run `ige migrate`"):
        require_schema(conn)


def test_a_database_that_is_behind_is_told_what_to_run(database_url: str) -> None:
    with connected(database_url) as conn:
        rewind(conn, "0002")

        with pytest.raises(Refusal, match=r"is at schema 0002.*run `ige migrate`"):
            require_schema(conn)


def test_a_migrated_database_is_taken_as_it_is(database_url: str) -> None:
    with connected(database_url) as conn:
        require_schema(conn)


@pytest.fixture
def role(server_url: str) -> Iterator[str]:
    """A role that owns nothing and may do nothing."""
    name = f"ige_test_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'guest'").format(sql.Identifier(name)))
        yield name
        conn.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{role}:guest@{parts.netloc.rpartition('@')[2]}").geturl()


def test_a_role_without_rights_is_refused_on_an_old_database(old_database_url: str, role: str) -> None:
    with pytest.raises(Refusal, match="lacks a right") as refusal:
        migrate(as_role(old_database_url, role))

    assert "\n" not in str(refusal.value)
    assert "guest" not in str(refusal.value)


def test_a_role_without_rights_is_refused_on_a_migrated_database(database_url: str, role: str) -> None:
    with pytest.raises(Refusal, match="lacks a right"):
        migrate(as_role(database_url, role))


def test_a_role_that_may_create_but_owns_no_table_is_refused_and_changes_none(old_database_url: str, role: str) -> None:
    with connected(old_database_url) as conn:
        conn.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(role)))
    before = columns_of(old_database_url)

    try:
        with pytest.raises(Refusal, match="must be owner"):
            migrate(as_role(old_database_url, role))
        after = columns_of(old_database_url)
    finally:
        with connected(old_database_url) as conn:
            conn.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))

    assert {name: after[name] for name in before} == before
    assert {table for table, _ in after} - {table for table, _ in before} <= {VERSION_TABLE}


@pytest.mark.parametrize(
    "left_behind",
    [
        "INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content) VALUES (1, 'check_in', 'Hi')",
        "INSERT INTO contractor_followup_schedules (contractor_id, scheduled_time) VALUES (1, 'yesterday')",
        "INSERT INTO event_messages (contractor_id, scheduled_time) VALUES (1, 'yesterday')",
    ],
)
def test_work_from_before_us_waits_to_be_adopted(old_database_url: str, left_behind: str) -> None:
    with connected(old_database_url) as conn:
        conn.execute("DELETE FROM ai_proactive_messages WHERE sent_at IS NULL")
        conn.execute(left_behind.encode())

    migrate(old_database_url)

    found = adoption(old_database_url)
    assert found["state"] == "pending"
    assert found["unsent"] + found["follow_ups"] + found["event_messages"] == 1


@pytest.mark.parametrize(
    "harmless",
    [
        "UPDATE contractors SET phone = phone",
        "INSERT INTO contractor_followup_schedules (contractor_id, scheduled_time) VALUES (1, 'tomorrow')",
        "INSERT INTO contractor_followup_schedules (contractor_id, scheduled_time, status) VALUES (1, NOW(), 'sent')",
        "INSERT INTO event_messages (contractor_id, scheduled_time, status) VALUES (1, NOW(), 'sent')",
        "INSERT INTO event_messages (contractor_id, scheduled_time) VALUES (1, 'tomorrow')",
    ],
)
def test_without_such_work_no_adoption_is_asked_for(old_database_url: str, harmless: str) -> None:
    with connected(old_database_url) as conn:
        conn.execute("DELETE FROM ai_proactive_messages WHERE sent_at IS NULL")
        conn.execute(harmless.encode())

    migrate(old_database_url)

    assert adoption(old_database_url)["state"] == "done"


def test_adoption_that_was_confirmed_is_not_asked_for_again(old_database_url: str) -> None:
    migrate(old_database_url)
    with connected(old_database_url) as conn:
        conn.execute("""UPDATE ige_switches SET value = '{"state": "done"}' WHERE name = 'adoption'""")
        rewind(conn, "0002")

    migrate(old_database_url)

    assert adoption(old_database_url)["state"] == "done"


def test_the_revisions_that_we_know_without_alembic_are_those_that_it_finds() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))

    assert {script.revision for script in scripts.walk_revisions()} == known_revisions()
    assert scripts.get_current_head() == head_revision()
