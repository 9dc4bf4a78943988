"""What was done because of a message, and what nobody answered: counted once, for one message, with its cause."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.inbound.outcomes import Outcomes, listen, track_outcomes
from ige_pipeline.ledger.story import of_row
from ige_pipeline.ledger.why import why
from ige_pipeline.postgres.connection import connect
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import (
    ago,
    fetch,
    insert,
    make_contractor,
    make_goal,
    make_item,
    make_sent_message,
    make_trust,
    one,
)
from ige_pipeline_tests.inbound.letters import due_message, reply, trust_of, waiting_for_answer

Conn = psycopg.Connection[DictRow]


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        heard_since(shared_conn, days=60)
        yield shared_conn


def heard_since(conn: Conn, *, days: float) -> None:
    listen(conn, who="a test")
    conn.execute(
        "UPDATE ige_switches SET value = jsonb_build_object('since', %s::timestamptz) WHERE name = 'listening'",
        [ago(days=days)],
    )


def track(conn: Conn, **over: Any) -> Outcomes:
    return track_outcomes(conn, Settings(**over))


def action_item(conn: Conn, contractor_id: int, *, hours: float) -> int:
    row = {"contractor_id": contractor_id, "title": "Call", "status": "completed", "completed_at": ago(hours=hours)}
    return insert(conn, "contractor_action_items", row)


def checklist_item(conn: Conn, contractor_id: int, *, hours: float) -> int:
    goal = make_goal(conn, contractor_id)
    return make_item(conn, goal, status="completed", completed_at=ago(hours=hours))


def silent(conn: Conn, contractor_id: int, *, hours: float, **over: Any) -> int:
    row = {"sent_at": ago(hours=hours), "contractor_response": None, "response_received_at": None, "attempts": 1}
    return make_sent_message(conn, contractor_id, **(row | over))


def message(conn: Conn, message_id: int) -> DictRow:
    return fetch(conn, "ai_proactive_messages", message_id)


@pytest.mark.parametrize("done", [action_item, checklist_item])
def test_what_was_done_within_days_of_a_message_was_done_because_of_it_once(conn: Conn, done: Any) -> None:
    ada, sent = waiting_for_answer(conn, hours=30)
    make_trust(conn, ada, 50)
    done(conn, ada, hours=2)

    first, again = track(conn), track(conn)

    assert (first.led_to_action, again) == (1, Outcomes())
    assert message(conn, sent)["led_to_action"] is True
    assert message(conn, sent)["outcome_rating"] == 5
    assert trust_of(conn, ada)[1:] == [("acted_on_suggestion", 8, 58)]
    cause = one(conn.execute("SELECT context_data FROM ai_trust_indicators ORDER BY id DESC LIMIT 1"))["context_data"]
    assert cause == {"cause": "acted", "message_id": sent}


@pytest.mark.parametrize(("sent_before", "done_before", "counts"), [(170, 3, 1), (172, 3, 0), (2, 3, 0)])
def test_only_what_was_done_after_a_message_and_within_seven_days_counts(
    conn: Conn, sent_before: float, done_before: float, counts: int
) -> None:
    ada, _ = waiting_for_answer(conn, hours=sent_before, contractor_response="ok", response_received_at=ago(hours=1))
    action_item(conn, ada, hours=done_before)

    assert track(conn).led_to_action == counts


def test_of_several_messages_the_one_about_the_item_led_to_it_or_else_the_newest(conn: Conn) -> None:
    ada, _ = waiting_for_answer(conn, hours=1)
    item = checklist_item(conn, ada, hours=2)
    about = silent(conn, ada, hours=60, context_data={"item_id": item})
    newest = silent(conn, ada, hours=20)
    action_item(conn, ada, hours=3)

    assert track(conn).led_to_action == 2
    assert [message(conn, each)["led_to_action"] for each in (about, newest)] == [True, True]


def test_five_things_done_after_one_message_count_once_for_it(conn: Conn) -> None:
    ada, _ = waiting_for_answer(conn, hours=30)
    for _ in range(5):
        action_item(conn, ada, hours=2)

    first = track(conn)
    action_item(conn, ada, hours=1)

    assert (first.led_to_action, track(conn).led_to_action) == (1, 0)
    assert len(trust_of(conn, ada)) == 1
    assert one(conn.execute("SELECT count(*) AS n FROM ige_attributions"))["n"] == 6


def test_a_rating_that_stands_there_stays(conn: Conn) -> None:
    ada, sent = waiting_for_answer(conn, hours=30, outcome_rating=2)
    action_item(conn, ada, hours=2)

    track(conn)

    assert message(conn, sent)["outcome_rating"] == 2


def test_what_nobody_answered_in_three_days_was_ignored_once(conn: Conn) -> None:
    ada, sent = waiting_for_answer(conn, hours=73)
    make_trust(conn, ada, 50)

    first, again = track(conn), track(conn)

    assert (first.ignored, again.ignored) == (1, 0)
    assert message(conn, sent)["ignored_at"] is not None
    assert trust_of(conn, ada)[1:] == [("ignored_suggestion", -2, 48)]


@pytest.mark.parametrize(
    "over",
    [
        {"sent_at": ago(hours=71)},
        {"contractor_response": "ok"},
        {"response_received_at": ago(hours=1)},
        {"source_message_type": "reminder"},
        {"receipt_status": "undelivered"},
        {"receipt_status": "failed"},
        {"led_to_action": True},
        {"sent_at": ago(days=31)},
    ],
)
def test_what_is_fresh_answered_promised_acted_on_or_never_arrived_was_not_ignored(
    conn: Conn, over: dict[str, Any]
) -> None:
    silent(conn, make_contractor(conn), **({"hours": 80} | over))

    assert track(conn).ignored == 0


def test_what_was_sent_before_anybody_could_answer_was_not_ignored(conn: Conn) -> None:
    ada = make_contractor(conn)
    silent(conn, ada, hours=100)
    heard_since(conn, days=4)

    assert track(conn).ignored == 0
    conn.execute("DELETE FROM ige_switches WHERE name = 'listening'")
    assert track(conn).ignored == 0
    heard_since(conn, days=5)
    assert track(conn).ignored == 1


@pytest.mark.parametrize("status", ["undelivered", "failed"])
def test_what_never_arrived_led_to_nothing(conn: Conn, status: str) -> None:
    ada, _ = waiting_for_answer(conn, receipt_status=status)
    action_item(conn, ada, hours=2)

    assert track(conn).led_to_action == 0
    assert trust_of(conn, ada) == []


def test_who_said_that_it_is_done_is_not_trusted_twice_for_doing_it(conn: Conn) -> None:
    ada, sent = waiting_for_answer(conn)
    reply(conn, "Done!")
    action_item(conn, ada, hours=1)

    assert track(conn).led_to_action == 1
    assert message(conn, sent)["led_to_action"] is True
    assert trust_of(conn, ada) == [("acted_on_suggestion", 8, 58)]


def test_who_answered_a_newer_message_in_time_ignored_none(conn: Conn) -> None:
    ada, _ = waiting_for_answer(conn, hours=20)
    silent(conn, ada, hours=73)
    taken = reply(conn, "ok will look")
    assert track(conn).ignored == 1, "that answer came after more than three days"

    silent(conn, ada, hours=74)
    conn.execute("UPDATE ige_inbound_messages SET received_at = %s WHERE id = %s", [ago(hours=10), taken.id])

    assert track(conn).ignored == 0


def test_trust_goes_down_step_by_step_and_not_below_none(conn: Conn) -> None:
    ada = make_contractor(conn)
    make_trust(conn, ada, 3)
    for hours in (80, 90, 100):
        silent(conn, ada, hours=hours)

    assert track(conn).ignored == 3
    assert [score for _, _, score in trust_of(conn, ada)] == [3, 1, 0, 0]


def test_a_message_that_led_to_action_is_not_ignored_as_well(conn: Conn) -> None:
    ada, _ = waiting_for_answer(conn, hours=80)
    action_item(conn, ada, hours=2)

    assert track(conn) == Outcomes(led_to_action=1)


def test_many_at_once_are_written_down_once(database_url: str) -> None:
    with connect(database_url) as conn:
        heard_since(conn, days=60)
        people = [waiting_for_answer(conn, phone=f"+1212555{n:04d}", hours=80)[0] for n in range(30)]
        for each in people[::2]:
            action_item(conn, each, hours=2)

    def run(_: int) -> Outcomes:
        with connect(database_url) as own:
            return track(own)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(run, range(4)))

    assert sum(each.led_to_action for each in done) == 15
    assert sum(each.ignored for each in done) == 15


def test_an_answer_after_all_is_written_down_beside(conn: Conn) -> None:
    ada, sent = waiting_for_answer(conn, hours=80)
    track(conn)

    reply(conn, "Sorry, thanks!")

    assert [word for word, _, _ in trust_of(conn, ada)] == ["ignored_suggestion", "positive_feedback"]
    assert message(conn, sent)["contractor_response"] == "Sorry, thanks!"


def test_why_tells_of_the_receipt_the_replies_and_the_outcome(conn: Conn) -> None:
    ada, sent = waiting_for_answer(conn, hours=80)
    conn.execute(
        "UPDATE ai_proactive_messages SET receipt_status = 'failed', receipt_code = '30007', receipt_at = now(),"
        " ignored_at = now() WHERE id = %s",
        [sent],
    )
    due_message(conn, ada)
    reply(conn, "Great, thanks")
    reply(conn, "please stop")

    (row,) = why(conn, contractor_id=ada, message_id=sent)
    told = [f"{label}: {sentence}" for label, sentence in of_row(row)]

    assert any(each.startswith("receipt: the provider said at") and each.endswith("failed (30007)") for each in told)
    assert any("Great, thanks" in each for each in told)
    assert any("read as opt out; 1 waiting were cancelled): please stop" in each for each in told)
    assert any(each.startswith("outcome: nobody had answered by") for each in told)
