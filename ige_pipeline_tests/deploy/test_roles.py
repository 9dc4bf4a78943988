"""What the roles of deploy/roles.sql may do is what the jobs and commands need, and nothing beside it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.rows import dict_row

import ige_pipeline
from ige_pipeline.postgres import queries
from ige_pipeline_tests.cli.people import make_due_contractor
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.dagster_instances import ROOT
from ige_pipeline_tests.databases import Databases
from ige_pipeline_tests.delivery.loopback import receiving
from ige_pipeline_tests.factories import Conn, ago, make_contractor, make_message

PACKAGE = Path(ige_pipeline.__file__).parent
ROLES = (ROOT / "deploy" / "roles.sql").read_text(encoding="utf-8")
# Statements of rooms that work on databases of their own, as their owner.
NOT_IN_PRODUCTION = {"local", "bench", "chaos"}


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{role}:word@{parts.hostname}:{parts.port}").geturl()


def give_rights(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE SCHEMA dagster CREATE TABLE runs (id int)")
        owner.execute(ROLES.encode())


@contextmanager
def undoing(url: str) -> Iterator[Conn]:
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as conn, conn.transaction(force_rollback=True):
        yield conn


@pytest.fixture
def guarded(database_url: str, two_roles: None) -> str:
    """The URL of a database whose rights were given, beside which Dagster keeps a schema of its own."""
    del two_roles
    give_rights(database_url)
    return database_url


@pytest.fixture(scope="module")
def guarded_for_all(databases: Databases, two_roles: None) -> Iterator[str]:
    """Such a database for all tests that change nothing."""
    del two_roles
    with databases.migrated() as url:
        give_rights(url)
        yield url


@pytest.fixture
def app(guarded: str) -> Iterator[Conn]:
    with psycopg.connect(as_role(guarded, "ige_app"), autocommit=True, row_factory=dict_row) as conn:
        yield conn


@pytest.fixture
def bound_app(guarded_for_all: str) -> Iterator[Conn]:
    """The app, and whatever it does is undone."""
    with undoing(as_role(guarded_for_all, "ige_app")) as conn:
        yield conn


@pytest.fixture
def viewer(guarded_for_all: str) -> Iterator[Conn]:
    with undoing(as_role(guarded_for_all, "ige_viewer")) as conn:
        yield conn


def test_both_jobs_and_the_commands_run_with_the_rights_of_the_app(guarded: str, conn: Conn) -> None:
    ada = make_due_contractor(conn)
    make_message(conn, make_contractor(conn), created_at=ago(hours=30))
    with receiving() as webhook:
        terminal = Terminal({"IGE_DATABASE_URL": as_role(guarded, "ige_app"), "N8N_OUTBOUND_WEBHOOK_URL": webhook.url})
        typed = [
            ("run", "schedule"),
            ("run", "deliver"),
            ("preview",),
            ("status",),
            ("why", str(ada)),
            ("batches", "list"),
            ("dead", "list"),
            ("drafts", "list"),
            ("endpoint", "show"),
            ("endpoint", "resume"),
            ("stop", "--reason", "a look"),
            ("start",),
            ("retire", "--yes"),
            ("retire", "--undo", "--yes"),
            ("triggers", "check"),
        ]
        results = {words: terminal.type(*words) for words in typed}

    assert {words: result.output for words, result in results.items() if result.exit_code == 2} == {}
    assert "scheduled 1" in results["run", "schedule"].output
    assert "Delivered 1" in results["run", "deliver"].output


def statements() -> Iterator[tuple[str, str]]:
    for file in sorted(PACKAGE.rglob("*.sql")):
        if file.relative_to(PACKAGE).parts[0] not in NOT_IN_PRODUCTION:
            for name, statement in queries.parse(file.read_text(encoding="utf-8")).items():
                yield f"{file.relative_to(PACKAGE)}:{name}", statement


def prepared(statement: str) -> tuple[str, int]:
    """A statement with numbered values, and how many there are."""
    names: dict[str, int] = {}
    text = re.sub(r"%\((\w+)\)s", lambda found: f"${names.setdefault(found[1], len(names) + 1)}", statement)
    return text.replace("%%", "%"), len(names)


def nulls(count: int) -> str:
    return f"({', '.join(['NULL'] * count)})" if count else ""


def test_no_statement_of_the_package_lacks_a_right(app: Conn) -> None:
    """Postgres asks for the rights of every table of a statement when it plans to run it."""
    refused = {}
    for name, statement in statements():
        text, values = prepared(statement)
        if not re.match(r"(?s)(\s*--[^\n]*\n)*\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", text) or "{" in text:
            continue
        app.execute(f"PREPARE it AS {text}".encode())
        try:
            app.execute(f"EXPLAIN EXECUTE it {nulls(values)}".encode())
        except psycopg.errors.InsufficientPrivilege as error:
            refused[name] = str(error)
        app.execute("DEALLOCATE it")

    assert refused == {}


FORBIDDEN = [
    "DROP TABLE ige_phones",
    "DROP TABLE contractors",
    "TRUNCATE ai_proactive_messages",
    "ALTER TABLE ai_proactive_messages ADD COLUMN more text",
    "ALTER TABLE contractors ALTER COLUMN phone TYPE varchar(9)",
    "ALTER TABLE ai_proactive_messages DISABLE TRIGGER ALL",
    "CREATE TABLE mine (id int)",
    "CREATE TABLE dagster.mine (id int)",
    "SELECT * FROM dagster.runs",
    "DROP TABLE dagster.runs",
    "DROP SCHEMA dagster CASCADE",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION ige_prepare_decisions(day date) RETURNS void LANGUAGE sql AS ''",
    "UPDATE contractors SET phone = '+12125550123'",
    "UPDATE contractors SET timezone = 'UTC'",
    "DELETE FROM contractors",
    "INSERT INTO contractors (first_name) VALUES ('Mallory')",
    "UPDATE ai_trust_indicators SET cumulative_trust_score = 100",
    "UPDATE ai_concierge_goals SET status = 'abandoned'",
    "UPDATE event_messages SET message_content = 'other words'",
    "DELETE FROM contractor_followup_schedules",
    "UPDATE ige_audit SET who = 'somebody else'",
    "DELETE FROM ige_audit",
    "DELETE FROM ige_consents",
    "UPDATE ige_consents SET given_at = now()",
    "DELETE FROM ige_suppressions",
    "UPDATE ige_alembic_version SET version_num = '0001'",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY ige_phones TO PROGRAM 'cat'",
    "CREATE ROLE mallory",
    "SET ROLE ige_viewer",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_app_may_do_nothing_else(bound_app: Conn, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        bound_app.execute(statement.encode())


def test_a_temporary_table_of_the_app_does_not_get_the_owner_to_work_on_it(app: Conn) -> None:
    app.execute("CREATE TEMPORARY TABLE ige_decisions (LIKE ige_decisions) PARTITION BY RANGE (decided_on)")

    app.execute("SELECT ige_prepare_decisions('2031-05-01')")

    assert app.execute("SELECT relnamespace::regnamespace::text AS lies FROM pg_class WHERE relname = %s",
                       ["ige_decisions_20310501"]).fetchall() == [{"lies": "public"}]  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT phone FROM contractors",
        "SELECT message_content FROM ai_proactive_messages",
        "SELECT draft FROM ige_decisions",
        "SELECT response FROM ige_delivery_attempts",
        "SELECT phone_e164 FROM ige_suppressions",
        "SELECT raw FROM ige_phones",
        "SELECT detail FROM ige_audit",
        "UPDATE ige_switches SET value = '{}'",
        "DELETE FROM ige_batches",
        "CREATE TABLE mine (id int)",
        "SELECT * FROM dagster.runs",
        "SELECT ige_retire_decisions('2031-01-01')",
    ],
)
def test_whoever_looks_sees_no_number_and_no_text_and_changes_nothing(viewer: Conn, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        viewer.execute(statement.encode())


def test_whoever_looks_sees_what_became_of_messages(viewer: Conn) -> None:
    for table in ("ige_batches", "ige_switches"):
        viewer.execute(f"TABLE {table}".encode())
    viewer.execute("SELECT at, who, action FROM ige_audit")
    viewer.execute("SELECT id, verdict FROM ige_decisions")
    viewer.execute("SELECT id, sent_at, dead_reason FROM ai_proactive_messages")
    viewer.execute("SELECT outcome, status_code FROM ige_delivery_attempts")


def test_the_rights_may_be_given_again_and_take_back_what_was_too_much(guarded: str, app: Conn) -> None:
    with psycopg.connect(guarded, autocommit=True) as owner:
        owner.execute("GRANT ALL ON contractors TO ige_app")
        owner.execute(ROLES.encode())

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("DELETE FROM contractors")
