"""`--as-of`: a past hour is judged by what was due then, and sends only what has not expired since."""

from datetime import timedelta

import pytest

from ige_pipeline_tests.cli.people import make_awake_contractor
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.factories import Conn, ago, fetch, insert, make_goal, make_item, one

UNSENT = "SELECT count(*) AS unsent FROM ai_proactive_messages"


@pytest.fixture
def terminal(database_url: str) -> Terminal:
    return Terminal({"IGE_DATABASE_URL": database_url, "N8N_OUTBOUND_WEBHOOK_URL": "http://127.0.0.1:1/x"})


def celebrated_half_a_day_ago(conn: Conn) -> int:
    """Somebody whose item was completed 50 hours ago: 48 hours later it is not celebrated any more."""
    ada = make_awake_contractor(conn)
    goal = make_goal(conn, ada, priority_score=1, updated_at=ago(days=3))
    make_item(conn, goal, status="completed", completed_at=ago(hours=50), updated_at=ago(hours=50))
    return ada


def unsent(conn: Conn) -> int:
    return int(one(conn.execute(UNSENT))["unsent"])


def test_a_preview_of_a_past_hour_finds_who_was_due_then_and_schedules_nothing(conn: Conn, terminal: Terminal) -> None:
    celebrated_half_a_day_ago(conn)

    now, then = terminal.json("preview"), terminal.json("preview", "--as-of", ago(hours=12).isoformat())

    assert (now["verdicts"], then["verdicts"]) == ({}, {"scheduled": 1})
    assert unsent(conn) == 0


def test_a_past_hour_is_scheduled_once_and_expires_a_day_after_itself(conn: Conn, terminal: Terminal) -> None:
    celebrated_half_a_day_ago(conn)
    then = ago(hours=12)

    results = [terminal.json("run", "schedule", "--as-of", then.isoformat())["verdicts"] for _ in range(2)]

    message = one(conn.execute("SELECT expires_at FROM ai_proactive_messages"))
    assert results == [{"scheduled": 1}, {}]
    assert message["expires_at"] == then + timedelta(hours=24)


def test_an_hour_that_is_too_old_explains_and_sends_nothing_promises_included(conn: Conn, terminal: Terminal) -> None:
    ada = celebrated_half_a_day_ago(conn)
    promised = {"contractor_id": ada, "message_template": "Hi {firstName}, here I am again.", "status": "scheduled"}
    follow_up = insert(conn, "contractor_followup_schedules", promised | {"scheduled_time": ago(hours=40)})

    batch = terminal.json("run", "schedule", "--as-of", ago(hours=30).isoformat())

    assert batch["verdicts"] == {"expired": 2}
    assert unsent(conn) == 0
    assert fetch(conn, "contractor_followup_schedules", follow_up)["status"] == "cancelled"
    told = terminal.type("why", str(ada), "--at", ago(hours=30).isoformat()).stdout
    assert told.count("Not written to: ") == 2


def test_a_row_that_changed_since_is_explained_and_not_sent(conn: Conn, terminal: Terminal) -> None:
    celebrated_half_a_day_ago(conn)
    conn.execute("UPDATE ai_concierge_checklist_items SET updated_at = now() - interval '1 hour'")

    batch = terminal.json("run", "schedule", "--as-of", ago(hours=12).isoformat())

    assert batch["verdicts"] == {"blocked": 1}
    reasons = one(conn.execute("SELECT reasons FROM ige_decisions"))["reasons"]
    assert [each["reason"] for each in reasons] == ["changed_since"]
