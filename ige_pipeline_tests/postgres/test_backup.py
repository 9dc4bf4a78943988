"""Backup and restore with Postgres's own programs, and what a restored copy must never do: send again."""

import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from ige_pipeline.postgres.programs import wheel_programs
from ige_pipeline_tests.cli.people import make_awake_contractor, make_due_contractor
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.delivery.loopback import Receiver, receiving
from ige_pipeline_tests.factories import Conn, ago, make_contractor, make_message

Restore = Callable[[str], str]


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def terminal(database_url: str, webhook: Receiver) -> Terminal:
    return at(database_url, webhook)


def at(url: str, webhook: Receiver) -> Terminal:
    return Terminal({"IGE_DATABASE_URL": url, "N8N_OUTBOUND_WEBHOOK_URL": webhook.url})


def dumped(url: str, folder: Path) -> str:
    """The command of docs/backup.md."""
    file = folder / "app.dump"
    run("pg_dump", "--format=custom", "--no-owner", "--file", str(file), url)
    return str(file)


def run(program: str, *words: str) -> None:
    path = wheel_programs() / "bin" / program
    done = subprocess.run([str(path), *words], capture_output=True, text=True, check=False)  # noqa: S603 - Postgres's own
    assert done.returncode == 0, done.stderr


@pytest.fixture
def restored(server_url: str) -> Iterator[Restore]:
    """Restore a dump into a new and empty database, as docs/backup.md does; return its URL."""
    names = []

    def restore(file: str) -> str:
        names.append(f"ige_test_{secrets.token_hex(6)}")
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(names[-1])))
        url = urlsplit(server_url)._replace(path=f"/{names[-1]}").geturl()
        run("pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={url}", file)
        return url

    yield restore

    with psycopg.connect(server_url, autocommit=True) as admin:
        for name in names:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_what_was_sent_after_the_backup_is_not_sent_by_the_copy_that_was_restored(
    conn: Conn, webhook: Receiver, database_url: str, tmp_path: Path, restored: Restore
) -> None:
    terminal = at(database_url, webhook)
    terminal.type("migrate")
    ada = make_due_contractor(conn)
    make_message(conn, make_contractor(conn, timezone="Asia/Tokyo"))
    terminal.type("run", "schedule")
    file = dumped(database_url, tmp_path)
    terminal.type("run", "deliver")
    sent = list(webhook.message_ids)

    copy = at(restored(file), webhook)
    migrated = copy.type("migrate")
    refused = [copy.refused("run", "deliver"), copy.refused("run", "schedule")]
    taken_over = copy.type("restored", "--yes")
    stopped = copy.refused("run", "deliver")
    started = copy.type("start")
    after = [copy.type("run", "schedule"), copy.type("run", "deliver")]

    assert sent
    assert "restored, copied or taken over" in migrated.stdout
    assert all("`ige restored`" in sentence for sentence in refused)
    assert taken_over.exit_code == 0
    assert "Cancelled: " in taken_over.stdout
    assert "opt-outs" in taken_over.stdout
    assert "restored from a backup; not before" in stopped
    assert started.exit_code == 0
    assert [result.exit_code for result in after] == [0, 0]
    assert webhook.message_ids == sent
    assert "cancelled" in copy.type("why", str(ada)).stdout


def test_a_message_that_was_being_sent_when_the_backup_was_made_is_not_sent_again(
    conn: Conn, webhook: Receiver, database_url: str, tmp_path: Path, restored: Restore
) -> None:
    terminal = at(database_url, webhook)
    terminal.type("migrate")
    held = make_message(conn, make_contractor(conn))
    conn.execute(
        "UPDATE ai_proactive_messages SET lease_owner = 7, lease_token = gen_random_uuid(), lease_expires_at = %s "
        "WHERE id = %s",
        [ago(hours=-1), held],
    )

    copy = at(restored(dumped(database_url, tmp_path)), webhook)
    copy.type("restored", "--yes")
    copy.type("start")
    copy.type("run", "deliver")

    assert webhook.posts == []


def test_the_original_goes_on_as_before(conn: Conn, terminal: Terminal, webhook: Receiver) -> None:
    terminal.type("migrate")
    terminal.type("migrate")
    make_due_contractor(conn)

    results = [terminal.type("run", "schedule"), terminal.type("run", "deliver")]

    assert [result.exit_code for result in results] == [0, 0]
    assert len(webhook.posts) == 1


def test_a_copy_may_be_looked_at(conn: Conn, terminal: Terminal, webhook: Receiver) -> None:
    terminal.type("migrate")
    make_due_contractor(conn)
    conn.execute("""UPDATE ige_switches SET value = '{"place": "elsewhere"}' WHERE name = 'home'""")

    assert terminal.type("status").exit_code in {0, 1}
    assert terminal.type("preview").exit_code == 0
    assert "restored, copied or taken over" in terminal.refused("start")
    assert "`ige restored`" in terminal.type("doctor").stdout
    assert webhook.posts == []


def come_back(conn: Conn) -> None:
    """As a server finds it that was recovered to an earlier moment: it kept its identifier and began a timeline."""
    conn.execute(
        "UPDATE ige_switches SET value = value || jsonb_build_object('timeline', '00000000') WHERE name = 'home'"
    )


def test_a_server_that_came_back_from_an_earlier_moment_sends_nothing(
    conn: Conn, terminal: Terminal, webhook: Receiver
) -> None:
    terminal.type("migrate")
    make_message(conn, make_contractor(conn))
    come_back(conn)

    migrated = terminal.type("migrate").stdout
    refused = terminal.refused("run", "deliver")

    for sentence in (migrated, refused, terminal.type("doctor").stdout):
        assert "`ige restored`" in " ".join(sentence.split())
        assert "`ige restored --moved`" in " ".join(sentence.split())
    assert webhook.posts == []


def test_a_database_that_moved_with_all_it_had_goes_on_and_nothing_is_cancelled(
    conn: Conn, terminal: Terminal, webhook: Receiver
) -> None:
    terminal.type("migrate")
    make_message(conn, make_awake_contractor(conn))
    come_back(conn)

    asked = terminal.type("restored", "--moved", answer="n\n")
    moved = terminal.type("restored", "--moved", "--yes")
    delivered = terminal.type("run", "deliver")

    assert asked.exit_code == 1
    assert (moved.exit_code, delivered.exit_code) == (0, 0)
    assert len(webhook.posts) == 1
    assert conn.execute("SELECT count(*) AS n FROM ige_audit WHERE action = 'moved'").fetchone() == {"n": 1}


def test_migrate_writes_down_what_an_older_version_did_not(conn: Conn, terminal: Terminal) -> None:
    terminal.type("migrate")
    known = conn.execute("SELECT value FROM ige_switches WHERE name = 'home'").fetchone()
    conn.execute("UPDATE ige_switches SET value = value - 'timeline' WHERE name = 'home'")
    unknown = terminal.type("doctor").stdout

    terminal.type("migrate")

    assert "Where this database lives is not known" in " ".join(unknown.split())
    assert conn.execute("SELECT value FROM ige_switches WHERE name = 'home'").fetchone() == known


def test_a_host_that_keeps_its_identifier_to_itself_is_found_by_doctor(conn: Conn, terminal: Terminal) -> None:
    terminal.type("migrate")
    conn.execute("UPDATE ige_switches SET value = value - 'place' WHERE name = 'home'")

    assert "Where this database lives is not known" in " ".join(terminal.type("doctor").stdout.split())


def test_a_restore_that_is_not_confirmed_changes_nothing(conn: Conn, terminal: Terminal) -> None:
    message = make_message(conn, make_contractor(conn))

    result = terminal.type("restored", answer="n\n")

    assert result.exit_code == 1
    assert conn.execute("SELECT cancelled_at FROM ai_proactive_messages WHERE id = %s", [message]).fetchone() == {
        "cancelled_at": None
    }
