"""Going back to the old system and returning: its worker finds nothing of ours, and nobody is texted by surprise."""

from collections.abc import Iterator
from typing import Any

import pytest

from ige_pipeline.delivery.retire import retire
from ige_pipeline.refusal import Refusal
from ige_pipeline_tests.cli.people import make_awake_contractor, make_due_contractor
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.delivery.fakes import Naps, in_minutes
from ige_pipeline_tests.delivery.loopback import Receiver, receiving
from ige_pipeline_tests.factories import Conn, ago, make_message, make_sent_message

ENDED: list[dict[str, Any]] = [
    {"cancelled_at": ago(minutes=1), "cancel_reason": "suppressed"},
    {"expired_at": ago(minutes=1)},
    {"dead_at": ago(minutes=1), "dead_reason": "http_400"},
]


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def terminal(database_url: str, webhook: Receiver) -> Terminal:
    return Terminal({"IGE_DATABASE_URL": database_url, "N8N_OUTBOUND_WEBHOOK_URL": webhook.url})


def rows(conn: Conn) -> list[dict[str, Any]]:
    return conn.execute("SELECT m::text AS whole FROM ai_proactive_messages m ORDER BY id").fetchall()


def what_the_old_worker_takes(conn: Conn) -> list[int]:
    return [row["id"] for row in conn.execute("SELECT id FROM ai_proactive_messages WHERE sent_at IS NULL")]


def outbox(conn: Conn) -> list[int]:
    """One row in each state that the old worker would take; return the ids of those that wait."""
    person = make_awake_contractor(conn)
    make_sent_message(conn, person)
    for ended in ENDED:
        make_message(conn, person, **ended)
    ours = {"trigger_name": "goal_completed", "dedupe_key": "goal_completed:ai_concierge_goals:1:first", "priority": 70}
    return [
        make_message(conn, make_awake_contractor(conn), **ours, context_data={"goal_id": 1, "item": "Añadir ☎"}),
        make_message(conn, make_awake_contractor(conn), expires_at="infinity", next_attempt_at=in_minutes(5)),
    ]


def test_the_old_worker_finds_nothing_and_everything_comes_back_as_it_was(conn: Conn, terminal: Terminal) -> None:
    outbox(conn)
    before = rows(conn)

    gone = terminal.type("retire", answer="y\n")
    left = what_the_old_worker_takes(conn)
    back = terminal.type("retire", "--undo", answer="y\n")

    assert (gone.exit_code, back.exit_code) == (0, 0)
    assert "Unsent: 1 of ours wait, 1 of other programs wait, 3 ended" in gone.stdout
    assert left == []
    assert rows(conn) == before
    assert [row["action"] for row in conn.execute("SELECT action FROM ige_audit ORDER BY id")] == [
        "stop",
        "retire",
        "stop",
        "retire --undo",
    ]


def test_while_retired_nothing_is_scheduled_sent_or_started(conn: Conn, terminal: Terminal, webhook: Receiver) -> None:
    make_due_contractor(conn)
    outbox(conn)
    terminal.type("retire", "--yes", "--reason", "n8n is being rebuilt")

    for words in (["run", "schedule"], ["start"]):
        assert terminal.refused(*words).startswith("This system is retired (n8n is being rebuilt)")
    assert "All sending is stopped (retired until `ige retire --undo`: n8n is being rebuilt)" in terminal.refused(
        "run", "deliver"
    )
    assert "STOPPED (retired until `ige retire --undo`: n8n is being rebuilt)" in terminal.type("status").stdout
    assert terminal.type("preview").exit_code == 0
    assert what_the_old_worker_takes(conn) == []
    assert webhook.posts == []


def test_why_says_where_a_message_is_that_was_put_aside(conn: Conn, terminal: Terminal) -> None:
    ada = make_due_contractor(conn)
    terminal.type("run", "schedule")

    terminal.type("retire", "--yes")

    assert "`ige retire` put it aside" in terminal.type("why", str(ada)).stdout


def test_a_batch_under_way_does_not_schedule_into_the_old_workers_hands(conn: Conn, terminal: Terminal) -> None:
    make_due_contractor(conn)
    conn.execute(
        "CREATE FUNCTION retire_now() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO ige_switches (name, value, changed_by) VALUES ('retired', '{\"on\": true}', 'test') "
        "ON CONFLICT DO NOTHING; RETURN NULL; END $$;"
        "CREATE TRIGGER retire_now AFTER UPDATE ON ige_decisions FOR EACH STATEMENT EXECUTE FUNCTION retire_now()"
    )

    assert terminal.refused("run", "schedule").startswith("This system is retired")
    assert what_the_old_worker_takes(conn) == []


def test_on_return_the_old_systems_leavings_are_shown_before_anything_is_sent(
    conn: Conn, terminal: Terminal, webhook: Receiver
) -> None:
    ours, theirs = outbox(conn)
    terminal.type("retire", "--yes")
    make_message(conn, make_awake_contractor(conn), created_at=ago(days=3))

    terminal.type("retire", "--undo", "--yes")
    terminal.type("start")
    terminal.type("run", "deliver")
    before_adoption = list(webhook.message_ids)
    shown = terminal.json("adopt", "--yes")
    conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = NULL")
    terminal.type("run", "deliver")

    assert before_adoption == [ours]
    assert (shown["would_expire"], shown["would_send"]) == (1, 1)
    assert sorted(webhook.message_ids) == [ours, theirs]


def test_what_a_run_holds_is_waited_for_and_what_a_dead_run_held_is_not(conn: Conn) -> None:
    lease = {"lease_owner": 1, "lease_token": "0" * 32}
    person, other = make_awake_contractor(conn), make_awake_contractor(conn)
    make_message(conn, person, **lease, lease_expires_at=ago(minutes=1))
    held = make_message(conn, other, **lease, lease_expires_at=in_minutes(1))
    naps = Naps()

    def settled(seconds: float) -> None:
        naps(seconds)
        conn.execute("UPDATE ai_proactive_messages SET sent_at = NOW(), lease_owner = NULL, lease_token = NULL, "
                     "lease_expires_at = NULL WHERE id = %s", [held])  # fmt: skip

    moved = retire(conn, who="me", reason="why", seen={}, sleep=settled)

    assert len(naps.taken) == 1
    assert moved == 1
    assert what_the_old_worker_takes(conn) == []


def test_a_run_that_never_lets_go_is_named_and_everything_stays_stopped(conn: Conn, terminal: Terminal) -> None:
    lease = {"lease_owner": 1, "lease_token": "0" * 32, "lease_expires_at": in_minutes(60)}
    message_id = make_message(conn, make_awake_contractor(conn), **lease)

    with pytest.raises(Refusal, match="still holds messages"):
        retire(conn, who="me", reason="why", seen={}, sleep=Naps())

    assert what_the_old_worker_takes(conn) == [message_id]
    assert "STOPPED" in terminal.type("status").stdout


def test_rows_of_others_that_would_go_with_a_message_are_not_put_at_risk(conn: Conn, terminal: Terminal) -> None:
    conn.execute("CREATE TABLE replies (message_id int REFERENCES ai_proactive_messages ON DELETE CASCADE)")
    ids = outbox(conn)

    assert terminal.type("retire", "--yes").exit_code == 2
    assert set(ids) <= set(what_the_old_worker_takes(conn))
    assert "Sending:    on" in terminal.type("status").stdout


def test_what_is_put_in_during_the_move_is_put_aside_too(conn: Conn) -> None:
    make_message(conn, make_awake_contractor(conn))
    conn.execute("""
        CREATE FUNCTION put_in() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NOT EXISTS (SELECT FROM ige_retired_messages WHERE message ->> 'message_content' = 'late') THEN
                INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content)
                SELECT max(id), 'check_in', 'late' FROM contractors;
            END IF;
            RETURN NULL;
        END $$""")
    conn.execute("CREATE TRIGGER meanwhile AFTER DELETE ON ai_proactive_messages EXECUTE FUNCTION put_in()")

    moved = retire(conn, who="me", reason="why", seen={}, sleep=Naps())

    assert moved == 2
    assert what_the_old_worker_takes(conn) == []
