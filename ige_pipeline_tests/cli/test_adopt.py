"""Taking over the old system's database: nothing of it moves before a person has seen it, and then only the fresh."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import dict_row

from ige_pipeline_tests.cli.people import make_awake_contractor
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.delivery.loopback import Receiver, receiving
from ige_pipeline_tests.factories import Conn, build_old_system, make_message


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def terminal(empty_database_url: str, webhook: Receiver) -> Terminal:
    """The old system's database, with two messages that are stale and one that is not."""
    build_old_system(empty_database_url)
    return Terminal({"IGE_DATABASE_URL": empty_database_url, "N8N_OUTBOUND_WEBHOOK_URL": webhook.url})


@pytest.fixture
def old(empty_database_url: str, terminal: Terminal) -> Iterator[Conn]:
    del terminal
    with psycopg.connect(empty_database_url, autocommit=True, row_factory=dict_row) as conn:
        yield conn


def make_fresh_message(conn: Conn) -> int:
    """What the old application scheduled a moment ago, for somebody who is awake."""
    conn.execute("ALTER TABLE contractors ADD COLUMN IF NOT EXISTS timezone text")
    return make_message(conn, make_awake_contractor(conn))


def test_a_database_that_nobody_migrated_is_refused_and_then_migrated(terminal: Terminal) -> None:
    refusal = terminal.refused("status")
    migrated = terminal.type("migrate")

    assert refusal == "The database has never been migrated: run `ige migrate`."
    assert migrated.exit_code == 0
    assert "stays held until `ige adopt` has shown it to you" in migrated.stdout


def test_nothing_of_it_is_sent_or_ended_before_it_was_adopted(old: Conn, terminal: Terminal, webhook: Receiver) -> None:
    make_fresh_message(old)
    terminal.type("migrate")

    delivered = terminal.type("run", "deliver")
    status = terminal.type("status")

    assert delivered.exit_code == 0
    assert webhook.posts == []
    assert status.exit_code == 1
    assert "work of the old system is held until `ige adopt`" in status.stdout
    ended = old.execute("SELECT count(*) AS n FROM ai_proactive_messages WHERE expired_at IS NOT NULL").fetchone()
    assert ended == {"n": 0}


def test_it_is_shown_and_asked_about_and_a_no_changes_nothing(old: Conn, terminal: Terminal) -> None:
    make_fresh_message(old)
    terminal.type("migrate")

    result = terminal.type("adopt", answer="n\n")

    assert result.exit_code == 1
    assert "2 too old, which would expire unsent" in result.stdout
    assert "and 1 still fresh" in result.stdout
    assert "Due follow ups: 0 too late, which would expire, and 0 to be sent." in result.stdout
    assert "Adopt them?" in result.stderr
    assert terminal.type("status").exit_code == 1


def test_once_adopted_the_fresh_are_sent_and_the_stale_expire(old: Conn, terminal: Terminal, webhook: Receiver) -> None:
    fresh = make_fresh_message(old)
    terminal.type("migrate")

    adopted = terminal.type("adopt", answer="y\n")
    delivered = terminal.json("run", "deliver")

    assert adopted.exit_code == 0
    assert "Adopted: the next delivery run takes them." in adopted.stdout
    assert (delivered["outcomes"]["Delivered"], delivered["outcomes"]["Expired"]) == (1, 2)
    assert webhook.message_ids == [fresh]
    assert [row["action"] for row in old.execute("SELECT action FROM ige_audit")] == ["adopt"]
    assert terminal.type("adopt").stdout == "There is nothing to adopt.\n"


def test_a_script_adopts_without_being_asked(old: Conn, terminal: Terminal) -> None:
    make_fresh_message(old)
    terminal.type("migrate")

    found = terminal.json("adopt", "--yes")

    assert (found["would_send"], found["would_expire"], found["follow_ups_to_send"]) == (1, 2, 0)
    assert "held until" not in terminal.type("status").stdout


def test_an_empty_database_has_nothing_to_adopt(database_url: str) -> None:
    result = Terminal({"IGE_DATABASE_URL": database_url}).type("adopt")

    assert (result.exit_code, result.stdout) == (0, "There is nothing to adopt.\n")
