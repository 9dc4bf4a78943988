"""Who is due: each rule of the goal triggers at its edges, in the database."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import DictRow

from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.reason import RULES, Effect
from ige_pipeline.safeguards.screen import screen_recipients
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.evaluate import evaluate, last_message, parameters, statement
from ige_pipeline.triggers.trigger import chosen, load_all, parse
from ige_pipeline_tests import factories
from ige_pipeline_tests.factories import found_by, make_batch, make_contractor, make_message, one

Conn = psycopg.Connection[DictRow]

AS_OF = datetime(2026, 3, 2, 14, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
THREE = ("high_priority_goal", "stalled_goal", "milestone_achieved")

ENDINGS: list[dict[str, Any]] = [
    {"dead_at": AS_OF, "dead_reason": "no_phone"},
    {"cancelled_at": AS_OF, "cancel_reason": "gap, suppressed"},
    {"cancelled_at": AS_OF, "cancel_reason": "goal_closed"},
    {"expired_at": AS_OF},
]
# Somebody's word, or a text that somebody may have got.
SPOKEN: list[tuple[str, str]] = [
    ("cancel", "replied"),
    ("cancel", "goal_updated, replied"),
    ("cancel", "by hand: she asked us not to"),
    ("cancel", "no"),
    ("dead", "http_400"),
    ("dead", "http_422"),
    ("dead", "attempts_exhausted"),
]
# What the old application, or somebody, may have left in context_data.
GARBAGE: list[Any] = [
    None,
    {},
    {"goal_id": None},
    {"goal_id": "seven"},
    {"goal_id": ""},
    {"goal_id": [1]},
    {"goal_id": {"id": 1}},
    {"goal_id": True},
    {"goal_id": 10**30},
    {"item_id": "x"},
]


def before(**amount: float) -> datetime:
    return AS_OF - timedelta(**amount)


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


@pytest.fixture
def contractor(conn: Conn) -> int:
    return make_contractor(conn)


TWICE = """-- trigger: twice
-- message_type: check_in
-- priority: 70
-- subject: ai_concierge_goals
-- repeat_days: high_priority_repeat_days
-- at_most: high_priority_at_most
SELECT g.contractor_id, g.id AS subject_id, NULL AS occurrence, g.priority_score AS urgency, g.updated_at AS changed_at,
       'An item is open.' AS reason, '{}'::jsonb AS facts
  FROM ai_concierge_goals g
  JOIN ai_concierge_checklist_items i ON i.goal_id = g.id
"""


def make_goal(conn: Conn, contractor_id: int | None, **over: Any) -> int:
    row = {"created_at": before(days=60), "updated_at": before(days=1)}
    return factories.make_goal(conn, contractor_id, **(row | over))


def make_item(conn: Conn, goal_id: int | None, **over: Any) -> int:
    row = {"created_at": before(days=30), "updated_at": before(days=30)}
    return factories.make_item(conn, goal_id, **(row | over))


def make_completed_item(conn: Conn, goal_id: int | None, **over: Any) -> int:
    row = {"status": "completed", "completed_at": before(hours=5), "updated_at": before(hours=5)}
    return make_item(conn, goal_id, **(row | over))


def evaluated(conn: Conn, batch: Batch | None = None, **thresholds: Any) -> list[DictRow]:
    triggers = [each for each in load_all() if each.name in THREE]
    asked = batch or make_batch(conn, as_of=AS_OF)
    evaluate(conn, asked, triggers, Settings(**thresholds))
    return found_by(conn, asked)


def due(conn: Conn, trigger: str, **thresholds: Any) -> list[int]:
    """The subjects that a trigger found, the most urgent first."""
    return [row["subject_id"] for row in evaluated(conn, **thresholds) if row["trigger_name"] == trigger]


def make_due_goal(conn: Conn, contractor_id: int | None, **over: Any) -> int:
    goal = make_goal(conn, contractor_id, **over)
    make_item(conn, goal)
    return goal


# High priority


@pytest.mark.parametrize(("priority", "is_due"), [(6, False), (7, True), (10, True), (None, False)])
def test_a_goal_is_high_from_priority_seven(conn: Conn, contractor: int, priority: int | None, is_due: bool) -> None:  # noqa: FBT001 - a table of examples
    goal = make_due_goal(conn, contractor, priority_score=priority)

    assert due(conn, "high_priority_goal") == ([goal] if is_due else [])


@pytest.mark.parametrize("status", ["completed", "abandoned", "blocked"])
def test_a_goal_that_is_not_active_is_left_alone(conn: Conn, contractor: int, status: str) -> None:
    make_due_goal(conn, contractor, status=status, updated_at=before(days=30))

    assert evaluated(conn) == []


@pytest.mark.parametrize("status", ["in_progress", "completed", "skipped"])
def test_a_goal_without_a_pending_item_is_not_asked_about(conn: Conn, contractor: int, status: str) -> None:
    make_item(conn, make_goal(conn, contractor), status=status)

    assert due(conn, "high_priority_goal") == []


def test_an_item_written_down_at_as_of_counts_and_one_after_it_does_not(conn: Conn, contractor: int) -> None:
    now, later = make_goal(conn, contractor), make_goal(conn, contractor)
    make_item(conn, now, created_at=AS_OF)
    make_item(conn, later, created_at=AS_OF + INSTANT)

    assert due(conn, "high_priority_goal") == [now]


def test_a_goal_made_after_as_of_was_not_there(conn: Conn, contractor: int) -> None:
    there = make_due_goal(conn, contractor, created_at=AS_OF)
    make_due_goal(conn, contractor, created_at=AS_OF + INSTANT)

    assert due(conn, "high_priority_goal") == [there]


def test_a_goal_whose_age_nobody_knows_is_there(conn: Conn, contractor: int) -> None:
    goal = make_goal(conn, contractor, created_at=None, updated_at=None)
    make_item(conn, goal, created_at=None, updated_at=None)

    assert due(conn, "high_priority_goal") == [goal]


def test_the_oldest_open_item_is_asked_about(conn: Conn, contractor: int) -> None:
    goal = make_goal(conn, contractor)
    make_item(conn, goal, status="completed")
    oldest = make_item(conn, goal, checklist_item="Call the two suppliers")
    make_item(conn, goal)

    (row,) = evaluated(conn)

    assert (row["facts"]["item_id"], row["facts"]["item"]) == (oldest, "Call the two suppliers")
    assert f"#{oldest}" in row["reason"]


def test_at_most_three_goals_of_one_contractor_the_highest_first(conn: Conn, contractor: int) -> None:
    goals = {score: make_due_goal(conn, contractor, priority_score=score) for score in (7, 10, 8, 9)}
    other = make_due_goal(conn, make_contractor(conn), priority_score=7)

    assert due(conn, "high_priority_goal") == [goals[10], goals[9], goals[8], other]


def test_goals_of_equal_priority_come_by_age(conn: Conn, contractor: int) -> None:
    first, _second = make_due_goal(conn, contractor), make_due_goal(conn, contractor)

    assert due(conn, "high_priority_goal", high_priority_at_most=1) == [first]


def test_a_goal_of_nobody_is_left_alone(conn: Conn) -> None:
    make_due_goal(conn, None, updated_at=before(days=30))
    make_completed_item(conn, None)

    assert evaluated(conn) == []


# Stalled


@pytest.mark.parametrize(("priority", "is_due"), [(4, False), (5, True), (None, False)])
def test_a_stalled_goal_counts_from_priority_five(
    conn: Conn,
    contractor: int,
    priority: int | None,
    is_due: bool,  # noqa: FBT001 - a table of examples
) -> None:
    goal = make_goal(conn, contractor, priority_score=priority, updated_at=before(days=8))

    assert due(conn, "stalled_goal") == ([goal] if is_due else [])


def test_a_goal_has_stalled_after_exactly_seven_days(conn: Conn, contractor: int) -> None:
    stalled = make_goal(conn, contractor, updated_at=before(days=7))
    make_goal(conn, contractor, updated_at=before(days=7) + INSTANT)

    assert due(conn, "stalled_goal") == [stalled]


@pytest.mark.parametrize("when", [None, "infinity", "-infinity"])
def test_a_goal_whose_last_update_nobody_knows_has_not_stalled(conn: Conn, contractor: int, when: str | None) -> None:
    make_goal(conn, contractor, updated_at=when)
    known = make_goal(conn, contractor, updated_at=before(days=8))

    assert due(conn, "stalled_goal") == [known]


def test_at_most_two_stalled_goals_the_longest_quiet_first(conn: Conn, contractor: int) -> None:
    goals = {days: make_goal(conn, contractor, updated_at=before(days=days)) for days in (8, 30, 20)}

    assert due(conn, "stalled_goal") == [goals[30], goals[20]]


# Achieved


def test_an_item_is_celebrated_until_two_days_after(conn: Conn, contractor: int) -> None:
    goal = make_goal(conn, contractor)
    fresh = make_completed_item(conn, goal, completed_at=before(days=2) + INSTANT)
    make_completed_item(conn, goal, completed_at=before(days=2))

    assert due(conn, "milestone_achieved") == [fresh]


def test_an_item_completed_at_as_of_is_celebrated_and_one_after_it_not_yet(conn: Conn, contractor: int) -> None:
    goal = make_goal(conn, contractor)
    now = make_completed_item(conn, goal, completed_at=AS_OF)
    make_completed_item(conn, goal, completed_at=AS_OF + INSTANT)

    assert due(conn, "milestone_achieved") == [now]


@pytest.mark.parametrize("over", [{"status": "pending"}, {"completed_at": None}, {"completed_at": "infinity"}])
def test_an_item_that_was_not_completed_at_a_known_time_is_not_celebrated(
    conn: Conn, contractor: int, over: dict[str, Any]
) -> None:
    make_completed_item(conn, make_goal(conn, contractor, priority_score=1), **over)

    assert due(conn, "milestone_achieved") == []


def test_an_item_is_celebrated_once_however_long_ago_that_was(conn: Conn, contractor: int) -> None:
    item = make_completed_item(conn, make_goal(conn, contractor))
    about = {"subject_table": "ai_concierge_checklist_items", "subject_id": item}
    make_message(conn, contractor, sent_at=before(days=300), **about)

    assert due(conn, "milestone_achieved") == []


def test_an_item_of_a_goal_that_is_gone_is_still_celebrated(conn: Conn, contractor: int) -> None:
    item = make_completed_item(conn, 999_999, contractor_id=contractor)

    assert due(conn, "milestone_achieved") == [item]


# Messages about the same subject


def test_after_exactly_three_days_a_goal_may_be_asked_about_again(conn: Conn, contractor: int) -> None:
    again, not_yet = make_due_goal(conn, contractor), make_due_goal(conn, contractor)
    for goal, sent_at in ((again, before(days=3)), (not_yet, before(days=3) + INSTANT)):
        make_message(conn, contractor, sent_at=sent_at, subject_table="ai_concierge_goals", subject_id=goal)

    assert due(conn, "high_priority_goal") == [again]


def test_a_message_that_still_waits_keeps_its_goal(conn: Conn, contractor: int) -> None:
    goal = make_due_goal(conn, contractor, updated_at=before(days=30))
    about = {"subject_table": "ai_concierge_goals", "subject_id": goal}
    make_message(conn, contractor, created_at=before(days=90), **about)
    make_message(conn, contractor, sent_at=before(days=80), **about)

    assert evaluated(conn) == []


def test_an_older_message_that_was_sent_later_counts(conn: Conn, contractor: int) -> None:
    goal = make_due_goal(conn, contractor)
    about = {"subject_table": "ai_concierge_goals", "subject_id": goal}
    make_message(conn, contractor, sent_at=before(days=1), **about)
    make_message(conn, contractor, sent_at=before(days=9), **about)

    assert due(conn, "high_priority_goal") == []


def test_a_message_of_another_trigger_about_the_same_goal_counts(conn: Conn, contractor: int) -> None:
    goal = make_due_goal(conn, contractor, updated_at=before(days=30))
    about = {"subject_table": "ai_concierge_goals", "subject_id": goal, "trigger_name": "stalled_goal"}
    make_message(conn, contractor, sent_at=before(days=4), **about)

    assert {row["trigger_name"] for row in evaluated(conn)} == {"high_priority_goal"}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_message_that_never_reached_anyone_gives_up_its_subject(
    conn: Conn, contractor: int, ending: dict[str, Any]
) -> None:
    goal = make_due_goal(conn, contractor)
    item = make_completed_item(conn, goal)
    make_message(conn, contractor, subject_table="ai_concierge_goals", subject_id=goal, **ending)
    make_message(conn, contractor, subject_table="ai_concierge_checklist_items", subject_id=item, **ending)
    make_message(conn, contractor, context_data={"goal_id": goal, "item_id": item}, **ending)

    rows = evaluated(conn)

    assert [row["trigger_name"] for row in rows] == ["milestone_achieved", "high_priority_goal"]
    assert rows[1]["occurrence"] == "first"


def ended(how: str, why: str, at: datetime) -> dict[str, Any]:
    column = {"cancel": "cancelled_at", "dead": "dead_at"}[how]
    return {column: at, f"{how}_reason": why, "created_at": before(days=20)}


@pytest.mark.parametrize(("how", "why"), SPOKEN)
def test_what_somebody_said_no_to_counts_as_written_until_the_days_are_over(
    conn: Conn, contractor: int, how: str, why: str
) -> None:
    again, not_yet, old = (make_due_goal(conn, contractor) for _ in range(3))
    for goal, at in ((again, before(days=3)), (not_yet, before(days=3) + INSTANT)):
        make_message(conn, contractor, subject_table="ai_concierge_goals", subject_id=goal, **ended(how, why, at))
    make_message(conn, contractor, context_data={"goal_id": old}, **ended(how, why, before(days=1)))

    rows = evaluated(conn)

    assert [row["subject_id"] for row in rows] == [again]
    assert rows[0]["occurrence"] != "first"


@pytest.mark.parametrize(("how", "why"), SPOKEN)
def test_a_celebration_that_somebody_said_no_to_is_over(conn: Conn, contractor: int, how: str, why: str) -> None:
    item = make_completed_item(conn, make_goal(conn, contractor))
    about = {"subject_table": "ai_concierge_checklist_items", "subject_id": item}
    make_message(conn, contractor, **about, **ended(how, why, before(hours=1)))

    assert due(conn, "milestone_achieved") == []


@pytest.mark.parametrize(("how", "why"), [*SPOKEN, ("cancel", "goal_closed"), ("dead", "no_phone")])
def test_a_suggestion_is_made_again_only_if_nobody_said_no_to_it(
    conn: Conn, contractor: int, how: str, why: str
) -> None:
    goal = make_goal(conn, contractor, priority_score=1, pattern_source="bids", pattern_confidence=0.9)
    (suggestion,) = [each for each in load_all() if each.name == "resource_suggestion"]
    first = make_batch(conn, as_of=AS_OF)
    evaluate(conn, first, [suggestion], Settings())
    key = found_by(conn, first)[0]["dedupe_key"]
    about = {"subject_table": "ai_concierge_goals", "subject_id": goal, "trigger_name": "resource_suggestion"}
    make_message(conn, contractor, dedupe_key=key, **about, **ended(how, why, before(days=300)))

    found = evaluate(conn, make_batch(conn, as_of=AS_OF), [suggestion], Settings())

    assert found == {"resource_suggestion": 0 if (how, why) in SPOKEN else 1}


def test_every_reason_that_cancels_at_sending_was_weighed(conn: Conn) -> None:
    """A word that the function does not know counts as somebody's: a new one has to be decided about."""
    weighed = {
        *(reason.value for reason, rule in RULES.items() if rule.at_sending is Effect.CANCEL),
        *re.findall(r"SELECT '(\w+)'", load("ige_pipeline.delivery", "promise.sql")["no_longer_wanted"]),
    }

    counts = {
        word
        for word in weighed
        if one(conn.execute("SELECT ige_counts_as_written(now(), %s, NULL, NULL) AS counts", [word]))["counts"]
    }

    assert "goal_closed" in weighed
    assert counts == {"replied"}


def test_one_look_into_one_index_says_when_a_goal_was_last_written_about(conn: Conn) -> None:
    conn.execute("SET LOCAL enable_seqscan = off")
    conn.execute("SET LOCAL enable_bitmapscan = off")
    (trigger,) = [each for each in load_all() if each.name == "action_item_overdue"]
    asked = parameters(trigger, make_batch(conn, as_of=AS_OF), Settings())

    plan = conn.execute(sql.SQL("EXPLAIN ") + statement(trigger), asked).fetchall()

    lines = [line for row in plan for line in row.values() if "ai_proactive_messages" in line]
    assert len(lines) == 1
    assert "Index Only Scan using ige_written_about" in lines[0]


@pytest.mark.parametrize("as_text", [False, True])
def test_the_old_applications_messages_name_their_subject_in_context_data(
    conn: Conn,
    contractor: int,
    as_text: bool,  # noqa: FBT001 - both ways
) -> None:
    goal = make_due_goal(conn, contractor)
    item = make_completed_item(conn, goal)
    named = {"goal_id": str(goal) if as_text else goal, "item_id": str(item) if as_text else item}
    make_message(conn, contractor, message_type="celebration", sent_at=before(days=1), context_data=named)

    assert evaluated(conn) == []


def test_what_the_old_application_only_asked_about_is_celebrated_when_it_is_done(conn: Conn, contractor: int) -> None:
    item = make_completed_item(conn, make_goal(conn, contractor))
    make_message(conn, contractor, message_type="check_in", sent_at=before(days=9), context_data={"item_id": item})

    assert due(conn, "milestone_achieved") == [item]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_in_context_data_concerns_nobody(conn: Conn, contractor: int, garbage: Any) -> None:
    goal = make_due_goal(conn, contractor)
    make_message(conn, contractor, sent_at=before(days=1), context_data=garbage)

    assert due(conn, "high_priority_goal") == [goal]


@pytest.mark.parametrize("garbage", ["[]", '["goal_id"]', '"goal_id"', "1", "null", "true"])
def test_context_data_that_is_no_object_concerns_nobody(conn: Conn, contractor: int, garbage: str) -> None:
    goal = make_due_goal(conn, contractor)
    make_message(conn, contractor, sent_at=before(days=1), context_data=garbage)

    assert due(conn, "high_priority_goal") == [goal]


def test_what_our_own_message_keeps_in_context_data_beside_its_subject_concerns_nobody(
    conn: Conn, contractor: int
) -> None:
    goal = make_due_goal(conn, contractor)
    mentioned = {"subject_table": "contractor_action_items", "subject_id": 999_999}
    make_message(conn, contractor, sent_at=before(days=1), context_data={"goal_id": goal}, **mentioned)

    assert due(conn, "high_priority_goal") == [goal]


def test_a_celebration_counts_as_a_message_about_the_goal_of_its_item(conn: Conn, contractor: int) -> None:
    goal, other = make_due_goal(conn, contractor), make_due_goal(conn, contractor)
    celebrated = {"subject_table": "ai_concierge_checklist_items", "subject_id": make_item(conn, goal)}
    said = {"context_data": {"goal_id": goal}, "message_type": "celebration"}
    message = make_message(conn, contractor, sent_at=before(days=3) + INSTANT, **celebrated, **said)

    assert due(conn, "high_priority_goal") == [other]

    conn.execute("UPDATE ai_proactive_messages SET sent_at = %s WHERE id = %s", [before(days=3), message])
    assert due(conn, "high_priority_goal") == [goal, other]


def test_a_message_about_a_goal_is_none_about_its_item(conn: Conn, contractor: int) -> None:
    goal = make_goal(conn, contractor)
    item = make_completed_item(conn, goal)
    about = {"subject_table": "ai_concierge_goals", "subject_id": goal, "context_data": {"item_id": item}}
    make_message(conn, contractor, sent_at=before(days=1), **about)

    assert due(conn, "milestone_achieved") == [item]


@pytest.mark.parametrize(
    ("trigger", "index"),
    [("stalled_goal", "ige_messages_naming_a_goal"), ("milestone_achieved", "ige_old_messages_by_item")],
)
def test_what_names_its_subject_in_context_data_is_found_by_its_index(conn: Conn, trigger: str, index: str) -> None:
    conn.execute("SET LOCAL enable_seqscan = off")
    (asked,) = chosen([trigger])
    query = sql.SQL("EXPLAIN SELECT * FROM (SELECT 1::bigint AS subject_id) candidate, LATERAL ({}) last")

    plan = "\n".join(row["QUERY PLAN"] for row in conn.execute(query.format(last_message(asked))))

    assert f"{index} on ai_proactive_messages" in plan


# What is written down


def test_the_first_message_about_a_goal_is_its_first_occurrence(conn: Conn, contractor: int) -> None:
    goal = make_due_goal(conn, contractor)

    (row,) = evaluated(conn)

    assert row["dedupe_key"] == f"high_priority_goal:ai_concierge_goals:{goal}:first"


def test_the_next_occurrence_is_the_last_message(conn: Conn, contractor: int) -> None:
    goal = make_due_goal(conn, contractor)
    last = make_message(conn, contractor, sent_at=before(days=9), subject_table="ai_concierge_goals", subject_id=goal)

    (row,) = evaluated(conn)

    assert row["dedupe_key"] == f"high_priority_goal:ai_concierge_goals:{goal}:{last}"


def test_the_occurrence_of_a_completed_item_is_its_completion(conn: Conn, contractor: int) -> None:
    conn.execute("SET LOCAL timezone = 'UTC'")
    item = make_completed_item(conn, make_goal(conn, contractor), completed_at=before(hours=1))

    (row,) = evaluated(conn)

    assert row["dedupe_key"] == f"milestone_achieved:ai_concierge_checklist_items:{item}:2026-03-02T13:00:00"


def test_evaluating_again_adds_nothing(conn: Conn, contractor: int) -> None:
    make_completed_item(conn, make_due_goal(conn, contractor, updated_at=before(days=30)))
    batch = make_batch(conn, as_of=AS_OF)
    first = [row["dedupe_key"] for row in evaluated(conn, batch)]

    assert [row["dedupe_key"] for row in evaluated(conn, batch)] == first
    assert len(first) == 3


def test_a_trigger_that_finds_one_occurrence_twice_lets_nobody_compete_with_themselves(
    conn: Conn, contractor: int
) -> None:
    goal = make_goal(conn, contractor)
    make_item(conn, goal)
    make_item(conn, goal)
    twice = parse(TWICE, file="twice.sql")

    evaluate(conn, batch := make_batch(conn, as_of=AS_OF), [twice], Settings())
    screen_recipients(conn, batch, Settings(), consent_needed=False)

    (decision,) = conn.execute("SELECT verdict, reasons FROM ige_decisions").fetchall()
    assert "outranked" not in {each["reason"] for each in decision["reasons"]}


def test_evaluating_again_after_the_screening_changes_no_decision(conn: Conn, contractor: int) -> None:
    make_completed_item(conn, make_due_goal(conn, contractor, updated_at=before(days=30)))
    batch = make_batch(conn, as_of=AS_OF)
    evaluated(conn, batch)
    screen_recipients(conn, batch, Settings(), consent_needed=False)
    first = conn.execute("SELECT * FROM ige_decisions ORDER BY id").fetchall()

    assert evaluate(conn, batch, load_all(), Settings())["milestone_achieved"] == 1
    screen_recipients(conn, batch, Settings(), consent_needed=False)

    assert conn.execute("SELECT * FROM ige_decisions ORDER BY id").fetchall() == first
    assert len(first) == 3
    assert conn.execute("SELECT FROM ige_batch_candidates").rowcount == 0


def test_a_trigger_that_finds_nobody_is_counted_too(conn: Conn, contractor: int) -> None:
    make_due_goal(conn, contractor)
    triggers = [each for each in load_all() if each.name in THREE]

    found = evaluate(conn, make_batch(conn, as_of=AS_OF), triggers, Settings())

    assert found == {"milestone_achieved": 0, "high_priority_goal": 1, "stalled_goal": 0}


def test_a_row_that_was_changed_after_as_of_says_so(conn: Conn, contractor: int) -> None:
    unchanged = make_due_goal(conn, contractor, updated_at=AS_OF)
    changed = make_due_goal(conn, contractor, updated_at=AS_OF + INSTANT)
    item_changed = make_goal(conn, contractor)
    make_item(conn, item_changed, updated_at=AS_OF + INSTANT)

    rows = {row["subject_id"]: row["changed_since"] for row in evaluated(conn)}

    assert rows == {unchanged: False, changed: True, item_changed: True}


def test_a_row_whose_last_change_nobody_knows_has_not_changed(conn: Conn, contractor: int) -> None:
    goal = make_goal(conn, contractor, updated_at=None)
    make_item(conn, goal, updated_at=None)

    (row,) = evaluated(conn)

    assert row["changed_since"] is False


def test_a_dry_run_marks_what_it_finds(conn: Conn, contractor: int) -> None:
    make_due_goal(conn, contractor)

    (row,) = evaluated(conn, make_batch(conn, as_of=AS_OF, dry_run=True))

    assert row["dry_run"] is True


def test_times_without_zone_are_read_in_the_zone_of_the_session_that_wrote_them(conn: Conn, contractor: int) -> None:
    conn.execute("SET LOCAL timezone = 'Asia/Kolkata'")
    goal = make_goal(conn, contractor, updated_at="2026-02-23 19:30:00")

    assert due(conn, "stalled_goal") == [goal]

    conn.execute("UPDATE ai_concierge_goals SET updated_at = '2026-02-23 19:30:01'")
    assert due(conn, "stalled_goal") == []
