"""What happened since a text was written and makes it wrong to send: each trigger's own row is looked at again."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from ige_pipeline.delivery.outcome import Cancelled
from ige_pipeline.delivery.promise import no_longer_wanted
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.evaluate import evaluate
from ige_pipeline.triggers.trigger import chosen
from ige_pipeline_tests import built_in
from ige_pipeline_tests.factories import (
    ago,
    found_by,
    insert,
    make_batch,
    make_contractor,
    make_goal,
    make_item,
    make_message,
    make_sent_message,
)

Conn = psycopg.Connection[DictRow]

GAPS = Jsonb([{"question": "Who are your suppliers?"}, {"question": "Which towns do you serve?"}])
CHANGES = [
    ("high_priority_goal", "UPDATE ai_concierge_goals SET status = 'completed'", {"goal_closed"}),
    ("high_priority_goal", "UPDATE ai_concierge_goals SET status = 'abandoned'", {"goal_closed"}),
    ("high_priority_goal", "DELETE FROM ai_concierge_goals", {"goal_closed"}),
    ("high_priority_goal", "UPDATE ai_concierge_checklist_items SET status = 'completed'", {"item_completed"}),
    ("high_priority_goal", "UPDATE ai_concierge_checklist_items SET status = 'skipped'", {"item_completed"}),
    ("stalled_goal", "UPDATE ai_concierge_goals SET updated_at = now() + interval '1 s'", {"goal_updated"}),
    ("stalled_goal", "UPDATE ai_concierge_goals SET status = 'blocked'", {"goal_closed"}),
    ("resource_suggestion", "UPDATE ai_concierge_goals SET status = 'completed'", {"goal_closed"}),
    ("milestone_achieved", "UPDATE ai_concierge_checklist_items SET status = 'in_progress'", {"item_reopened"}),
    ("milestone_achieved", "DELETE FROM ai_concierge_checklist_items", {"item_reopened"}),
    ("data_gap", "UPDATE ai_concierge_goals SET data_gaps = '[]'", {"question_answered"}),
    ("data_gap", "UPDATE ai_concierge_goals SET data_gaps = NULL", {"question_answered"}),
    ("data_gap", "UPDATE ai_concierge_goals SET data_gaps = data_gaps - 0", {"question_answered"}),
    ("data_gap", """UPDATE ai_concierge_goals SET data_gaps[0]['answer'] = '"Two"'""", {"question_answered"}),
    ("data_gap", "UPDATE ai_concierge_goals SET data_gaps = data_gaps - 1", set()),
    ("data_gap", "UPDATE ai_concierge_goals SET status = 'abandoned'", {"goal_closed"}),
    ("action_item_overdue", "UPDATE contractor_action_items SET status = 'completed'", {"item_completed"}),
    ("action_item_overdue", "UPDATE contractor_action_items SET status = 'cancelled'", {"item_completed"}),
    ("action_item_overdue", "UPDATE contractor_action_items SET due_date = now() + interval '9 d'", {"changed_since"}),
    ("milestone_approaching", "UPDATE contractor_action_items SET completed_at = now()", {"item_completed"}),
    ("milestone_approaching", "UPDATE ai_concierge_goals SET status = 'completed'", {"goal_closed"}),
]


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


def written(conn: Conn, trigger: str) -> int:
    """Somebody whom every trigger selects, and the message that this one would have written."""
    ada = make_contractor(conn)
    goal = make_goal(conn, ada, updated_at=ago(days=9), data_gaps=GAPS, pattern_source="bids", pattern_confidence=0.9)
    make_item(conn, goal)
    if trigger == "milestone_achieved":
        make_item(conn, goal, status="completed", completed_at=ago(hours=3))
    days = -2 if trigger == "milestone_approaching" else 5
    action = {"contractor_id": ada, "title": "renew the licence", "status": "pending", "due_date": ago(days=days)}
    insert(conn, "contractor_action_items", action | {"updated_at": ago(days=9)})
    batch = make_batch(conn)
    evaluate(conn, batch, chosen([trigger]), Settings())
    found = found_by(conn, batch)[0]
    kept = ("trigger_name", "subject_table", "subject_id", "occurrence", "message_type")
    return make_message(conn, ada, context_data=found["facts"], **{name: found[name] for name in kept})


def reasons(conn: Conn, message_id: int) -> set[str]:
    outcome: Any = no_longer_wanted(conn, [message_id]).get(message_id, Cancelled(()))
    return {each["reason"] for each in outcome.reasons}


@pytest.mark.parametrize(("trigger", "change", "expected"), CHANGES)
def test_a_text_that_is_no_longer_true_is_not_sent(conn: Conn, trigger: str, change: str, expected: set[str]) -> None:
    message = written(conn, trigger)
    assert reasons(conn, message) == set()

    conn.execute(change.encode())

    assert reasons(conn, message) == expected


@pytest.mark.parametrize("trigger", sorted({trigger for trigger, _, _ in CHANGES}))
def test_who_has_replied_is_not_written_to_out_of_the_blue(conn: Conn, trigger: str) -> None:
    message = written(conn, trigger)
    ada = conn.execute("SELECT contractor_id FROM ai_proactive_messages WHERE id = %s", [message]).fetchone()
    assert ada is not None

    make_sent_message(conn, ada["contractor_id"], response_received_at=ago(seconds=-60))

    assert "replied" in reasons(conn, message)


def test_every_trigger_of_the_package_has_a_change_that_takes_its_text_back() -> None:
    promised = {"follow_up_due", "event_message_due"}  # these are played in test_promise.py

    assert built_in.NAMES - promised == {trigger for trigger, _, _ in CHANGES}
