"""The four triggers that look ahead or back: each rule at its edges, in the database."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.evaluate import evaluate
from ige_pipeline.triggers.trigger import chosen
from ige_pipeline_tests import factories
from ige_pipeline_tests.factories import found_by, insert, make_batch, make_contractor, make_item, make_message

AS_OF = datetime(2026, 3, 2, 14, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


def before(**amount: float) -> datetime:
    return AS_OF - timedelta(**amount)


@pytest.fixture
def conn(shared_conn: Connection) -> Iterator[Connection]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


@pytest.fixture
def contractor(conn: Connection) -> int:
    return make_contractor(conn)


def make_goal(conn: Connection, contractor_id: int | None, **over: Any) -> int:
    """An active goal that none of the four has anything to say about."""
    row = {"created_at": before(days=60), "updated_at": before(days=1), "next_milestone": None}
    return factories.make_goal(conn, contractor_id, **(row | over))


def make_action_item(conn: Connection, contractor_id: int | None, **over: Any) -> int:
    row = {"title": "Send the bid", "status": "pending", "due_date": before(days=1)}
    row |= {"created_at": before(days=60), "updated_at": before(days=9)}
    return insert(conn, "contractor_action_items", {"contractor_id": contractor_id} | row | over)


def make_suggestible(conn: Connection, contractor_id: int | None, **over: Any) -> int:
    row = {"pattern_source": "Owners who bid weekly", "pattern_confidence": 0.9}
    return make_goal(conn, contractor_id, **(row | over))


def due(conn: Connection, trigger: str, **thresholds: Any) -> list[int]:
    """The subjects that a trigger finds, the most urgent first."""
    return [row["subject_id"] for row in decided(conn, trigger, **thresholds)]


def decided(conn: Connection, trigger: str, **thresholds: Any) -> list[dict[str, Any]]:
    batch = make_batch(conn, as_of=AS_OF)
    evaluate(conn, batch, chosen([trigger]), Settings(**thresholds))
    return found_by(conn, batch)


# Overdue


def test_an_item_is_overdue_once_its_date_has_passed_and_not_at_that_moment(conn: Connection, contractor: int) -> None:
    make_action_item(conn, contractor, due_date=AS_OF)
    late = make_action_item(conn, contractor, due_date=AS_OF - INSTANT)

    assert due(conn, "action_item_overdue", overdue_at_most=9) == [late]


def test_an_item_is_history_after_thirty_days_and_not_on_the_thirtieth(conn: Connection, contractor: int) -> None:
    late = make_action_item(conn, contractor, due_date=before(days=30))
    make_action_item(conn, contractor, due_date=before(days=30) - INSTANT)

    assert due(conn, "action_item_overdue", overdue_at_most=9) == [late]
    assert len(due(conn, "action_item_overdue", overdue_at_most=9, overdue_within_days=31)) == 2


@pytest.mark.parametrize("over", [
    {"status": "completed"}, {"status": "cancelled"}, {"status": None}, {"completed_at": before(days=2)},
    {"due_date": None}, {"due_date": "infinity"}, {"due_date": "-infinity"}, {"contractor_id": None},
])  # fmt: skip
def test_an_item_that_is_done_or_has_no_date_or_nobody_is_left_alone(
    conn: Connection, contractor: int, over: dict[str, Any]
) -> None:
    owner = over.get("contractor_id", contractor)
    make_action_item(conn, owner, **{name: value for name, value in over.items() if name != "contractor_id"})

    assert due(conn, "action_item_overdue") == []


def test_of_several_overdue_items_the_oldest_comes_first(conn: Connection, contractor: int) -> None:
    items = {days: make_action_item(conn, contractor, due_date=before(days=days)) for days in (2, 20, 9)}

    assert due(conn, "action_item_overdue") == [items[20]]
    assert due(conn, "action_item_overdue", overdue_at_most=2) == [items[20], items[9]]


def test_after_exactly_seven_days_an_overdue_item_is_mentioned_again(conn: Connection, contractor: int) -> None:
    again, not_yet = (make_action_item(conn, contractor, due_date=before(days=9)) for _ in range(2))
    for item, sent_at in ((again, before(days=7)), (not_yet, before(days=7) + INSTANT)):
        make_message(conn, contractor, sent_at=sent_at, subject_table="contractor_action_items", subject_id=item)

    assert due(conn, "action_item_overdue", overdue_at_most=9) == [again]


def test_an_item_that_did_not_exist_then_was_not_overdue(conn: Connection, contractor: int) -> None:
    make_action_item(conn, contractor, created_at=AS_OF + INSTANT)
    there = [make_action_item(conn, contractor, created_at=at) for at in (AS_OF, None)]

    assert due(conn, "action_item_overdue", overdue_at_most=9) == there


# Approaching


def about(conn: Connection, **thresholds: Any) -> dict[int, int | None]:
    """Return {goal: the action item that its message would announce}."""
    rows = decided(conn, "milestone_approaching", approaching_at_most=9, **thresholds)
    return {row["subject_id"]: row["facts"]["action_item_id"] for row in rows}


def announced(conn: Connection, contractor: int, goal: int, item: int, **over: Any) -> int:
    row = {"trigger_name": "milestone_approaching", "subject_table": "ai_concierge_goals", "subject_id": goal}
    return make_message(conn, contractor, context_data={"action_item_id": item}, **row | over)


def test_an_item_that_did_not_exist_then_was_not_approaching(conn: Connection, contractor: int) -> None:
    goal = make_goal(conn, contractor)
    make_action_item(conn, contractor, due_date=AS_OF + timedelta(days=1), created_at=AS_OF + INSTANT)
    there = make_action_item(conn, contractor, due_date=AS_OF + timedelta(days=2), created_at=AS_OF)

    assert about(conn) == {goal: there}


@pytest.mark.parametrize("over", [{}, {"sent_at": before(days=2)}])
def test_an_item_is_announced_once_and_not_with_each_goal(
    conn: Connection, contractor: int, over: dict[str, Any]
) -> None:
    first, second = make_goal(conn, contractor), make_goal(conn, contractor)
    item = make_action_item(conn, contractor, due_date=AS_OF + timedelta(days=1))
    announced(conn, contractor, first, item, **over)

    assert about(conn) == {}
    next_item = make_action_item(conn, contractor, due_date=AS_OF + timedelta(days=2))
    assert about(conn) == {second: next_item}
    near = make_goal(conn, contractor, current_progress=90, next_milestone="Bid")
    conn.execute("UPDATE contractor_action_items SET status = 'completed' WHERE id = %s", [next_item])
    assert about(conn) == {near: None}


@pytest.mark.parametrize(
    "over",
    [
        {"sent_at": before(days=7)},
        {"expired_at": before(days=1)},
        {"cancelled_at": before(days=1), "cancel_reason": "goal_closed"},
        {"dead_at": before(days=1), "dead_reason": "no_phone"},
        {"sent_at": before(days=1), "trigger_name": "high_priority_goal"},
    ],
)
def test_what_was_announced_long_ago_or_never_arrived_is_announced_with_another_goal(
    conn: Connection, contractor: int, over: dict[str, Any]
) -> None:
    first, second = make_goal(conn, contractor, status="completed"), make_goal(conn, contractor)
    item = make_action_item(conn, contractor, due_date=AS_OF + timedelta(days=1))
    announced(conn, contractor, first, item, **over)

    assert about(conn) == {second: item}


@pytest.mark.parametrize(
    ("progress", "milestone", "is_due"),
    [(80, "Bid", True), (79, "Bid", False), (None, "Bid", False), (100, " ", False), (100, None, False)],
)
def test_a_milestone_is_near_from_eighty_percent_if_there_is_one(
    conn: Connection,
    contractor: int,
    progress: int | None,
    milestone: str | None,
    is_due: bool,  # noqa: FBT001 - a table of examples
) -> None:
    goal = make_goal(conn, contractor, current_progress=progress, next_milestone=milestone)

    assert due(conn, "milestone_approaching") == ([goal] if is_due else [])


@pytest.mark.parametrize(
    ("due_date", "is_due"),
    [
        (AS_OF, False),
        (AS_OF + INSTANT, True),
        (AS_OF + timedelta(days=3), True),
        (AS_OF + timedelta(days=3) + INSTANT, False),
        (None, False),
        ("infinity", False),
        ("-infinity", False),
    ],
)
def test_an_action_item_is_near_within_three_days(
    conn: Connection,
    contractor: int,
    due_date: Any,
    is_due: bool,  # noqa: FBT001 - a table of examples
) -> None:
    goal = make_goal(conn, contractor, current_progress=None)
    make_action_item(conn, contractor, due_date=due_date)

    assert due(conn, "milestone_approaching") == ([goal] if is_due else [])


@pytest.mark.parametrize("over", [{"status": "completed"}, {"status": "cancelled"}, {"completed_at": before(days=1)}])
def test_an_item_that_is_done_is_not_near(conn: Connection, contractor: int, over: dict[str, Any]) -> None:
    make_goal(conn, contractor)
    make_action_item(conn, contractor, due_date=AS_OF + timedelta(days=1), **over)

    assert due(conn, "milestone_approaching") == []


def test_the_item_that_falls_due_first_is_named_and_somebody_else_s_is_not(conn: Connection, contractor: int) -> None:
    make_goal(conn, contractor)
    make_action_item(conn, contractor, due_date=AS_OF + timedelta(days=2))
    first = make_action_item(conn, contractor, due_date=AS_OF + timedelta(days=1))
    make_action_item(conn, make_contractor(conn), due_date=AS_OF + timedelta(hours=1))

    (row,) = decided(conn, "milestone_approaching")

    assert (row["facts"]["action_item_id"], row["facts"]["due_in_days"]) == (first, 1)


def test_of_several_goals_the_one_with_the_most_progress_is_written_about(conn: Connection, contractor: int) -> None:
    make_action_item(conn, contractor, due_date=AS_OF + timedelta(days=1))
    make_goal(conn, contractor, current_progress=None)
    most = make_goal(conn, contractor, current_progress=60)
    make_goal(conn, contractor, current_progress=10)

    assert due(conn, "milestone_approaching") == [most]


@pytest.mark.parametrize("trigger", ["milestone_approaching", "data_gap", "resource_suggestion"])
def test_a_goal_made_or_changed_after_as_of_was_not_there_or_says_so(
    conn: Connection, contractor: int, trigger: str
) -> None:
    all_three = {"current_progress": 90, "next_milestone": "Bid", "data_gaps": Jsonb(["Which trade?"])}
    make_suggestible(conn, contractor, created_at=AS_OF + INSTANT, **all_three)
    changed = make_suggestible(conn, contractor, updated_at=AS_OF + INSTANT, **all_three)
    ageless = make_suggestible(conn, make_contractor(conn), created_at=None, updated_at=None, **all_three)

    rows = {row["subject_id"]: row["changed_since"] for row in decided(conn, trigger)}

    assert rows == {changed: True, ageless: False}


@pytest.mark.parametrize("trigger", ["milestone_approaching", "data_gap", "resource_suggestion"])
@pytest.mark.parametrize("over", [{"status": "blocked"}, {"status": "completed"}, {"contractor_id": None}])
def test_a_goal_that_is_not_active_or_nobody_s_is_left_alone(
    conn: Connection, contractor: int, trigger: str, over: dict[str, Any]
) -> None:
    row = {"current_progress": 90, "next_milestone": "Bid", "data_gaps": Jsonb(["Which trade?"])} | over
    owner = None if "contractor_id" in row else contractor
    row.pop("contractor_id", None)
    make_suggestible(conn, owner, **row)

    assert due(conn, trigger) == []


# Open questions


@pytest.mark.parametrize(
    ("gaps", "asks"),
    [
        (["Which trade?"], "Which trade?"),
        ([{"question": "Which trade?"}], "Which trade?"),
        ([{"description": "Crew size"}], "Crew size"),
        ([{"field": "crew_size"}], "crew_size"),
        ([{"question": " ", "field": "crew_size"}], "crew_size"),
        ([{}, None, "", {"question": "Which trade?"}, "How many crews?"], "Which trade?"),
        ([{"question": "Old?", "status": "resolved"}, {"question": "New?", "status": "OPEN"}], "New?"),
        ([{"question": "Old?", "resolved": True}, {"question": "New?", "resolved": False}], "New?"),
        ([{"question": "Old?", "answered": True}, {"question": "New?", "answer": None}], "New?"),
        ([{"question": "Old?", "answer": "Roofing"}, {"question": "New?", "status": None}], "New?"),
        ([{"question": "Old?", "answered_at": "2026-01-01"}, "New?"], "New?"),
        ([{"question": "Old?", "resolved_at": "2026-01-01"}, "\n\tNew?\n"], "New?"),
        ([{"question": "Old?", "answer": False}, {"question": "New?", "status": ""}], "New?"),
        ([{"question": "Old?", "answer": 0}, {"question": "New?", "answered": 0, "resolved": "No"}], "New?"),
        ([{"question": "Old?", "answer": "no"}, {"question": "New?", "answer": [], "answered": ""}], "New?"),
        ([{"question": "Old?", "answered": "yes"}, {"question": "New?", "resolved": "false"}], "New?"),
        ([{"question": 5, "description": {"a": 1}, "field": "crew_size"}], "crew_size"),
    ],
)
def test_the_first_open_question_is_asked(conn: Connection, contractor: int, gaps: list[Any], asks: str) -> None:
    make_goal(conn, contractor, data_gaps=Jsonb(gaps))

    (row,) = decided(conn, "data_gap")

    assert row["facts"]["gap"] == asks


@pytest.mark.parametrize(
    "gaps",
    [
        None, [], {}, "Which trade?", {"question": "Which trade?"}, [{}], [None], [""], [" "], [1], [True], [[]],
        [["Which trade?"]], [{"question": ""}], [{"question": "Old?", "status": "answered"}],
        [{"question": "Old?", "status": "asked"}], [{"question": "Old?", "resolved": "yes"}],
        [{"question": "Old?", "resolved_at": "2026-01-01"}], ["\n"], [{"question": 5}], [{"question": {"a": "Why?"}}],
        [{"question": "Old?", "status": 0}],
    ],
)  # fmt: skip
def test_a_goal_without_an_open_question_asks_nothing(conn: Connection, contractor: int, gaps: Any) -> None:
    make_goal(conn, contractor, data_gaps=None if gaps is None else Jsonb(gaps))

    assert due(conn, "data_gap") == []


def test_the_questions_that_are_open_are_counted_and_no_others(conn: Connection, contractor: int) -> None:
    make_goal(
        conn, contractor, data_gaps=Jsonb(["One?", {}, {"question": "Two?"}, {"question": "x", "answered": True}])
    )

    (row,) = decided(conn, "data_gap")

    assert "has 2 open data gaps" in row["reason"]


def test_a_goal_without_a_priority_comes_last_and_ends_no_batch(conn: Connection, contractor: int) -> None:
    gaps = Jsonb(["Which trade?"])
    last = make_goal(conn, contractor, priority_score=None, data_gaps=gaps)
    first = make_goal(conn, contractor, priority_score=1, data_gaps=gaps)

    assert due(conn, "data_gap") == [first]
    assert due(conn, "data_gap", data_gap_at_most=2) == [first, last]


def test_after_exactly_fourteen_days_the_next_question_may_be_asked(conn: Connection, contractor: int) -> None:
    again, not_yet = (make_goal(conn, contractor, data_gaps=Jsonb(["Which trade?"])) for _ in range(2))
    for goal, sent_at in ((again, before(days=14)), (not_yet, before(days=14) + INSTANT)):
        make_message(conn, contractor, sent_at=sent_at, subject_table="ai_concierge_goals", subject_id=goal)

    assert due(conn, "data_gap", data_gap_at_most=9) == [again]


# Suggestions


@pytest.mark.parametrize(
    ("confidence", "is_due"),
    [(0.7, True), (0.699, False), (1, True), (0, False), (None, False), ("NaN", False)],
)
def test_a_pattern_is_suggested_from_a_confidence_of_seven_tenths(
    conn: Connection,
    contractor: int,
    confidence: Any,
    is_due: bool,  # noqa: FBT001 - a table of examples
) -> None:
    goal = make_suggestible(conn, contractor, pattern_confidence=confidence)

    assert due(conn, "resource_suggestion") == ([goal] if is_due else [])


@pytest.mark.parametrize("pattern", [None, "", " "])
def test_without_a_pattern_there_is_nothing_to_suggest(conn: Connection, contractor: int, pattern: str | None) -> None:
    make_suggestible(conn, contractor, pattern_source=pattern)

    assert due(conn, "resource_suggestion") == []


def test_the_surest_pattern_is_suggested_first(conn: Connection, contractor: int) -> None:
    goals = {sure: make_suggestible(conn, contractor, pattern_confidence=sure) for sure in (0.7, 0.95, 0.8)}

    assert due(conn, "resource_suggestion") == [goals[0.95]]
    assert due(conn, "resource_suggestion", suggestion_at_most=2) == [goals[0.95], goals[0.8]]


def test_a_pattern_is_suggested_once_for_a_goal_and_another_pattern_once_more(
    conn: Connection, contractor: int
) -> None:
    goal = make_suggestible(conn, contractor)
    (first,) = decided(conn, "resource_suggestion")
    said = {name: first[name] for name in ("trigger_name", "subject_table", "subject_id", "occurrence", "dedupe_key")}
    make_message(conn, contractor, sent_at=before(days=300), **said)

    assert due(conn, "resource_suggestion") == []

    conn.execute("UPDATE ai_concierge_goals SET pattern_source = 'Ask for referrals'")
    assert due(conn, "resource_suggestion") == [goal]


@pytest.mark.parametrize(
    ("over", "counts"),
    [
        ({}, True),
        ({"sent_at": None}, True),
        ({"message_type": "check_in"}, False),
        ({"expired_at": AS_OF, "sent_at": None}, False),
    ],
)
def test_what_the_old_system_suggested_for_a_goal_is_not_suggested_again(
    conn: Connection,
    contractor: int,
    over: dict[str, Any],
    counts: bool,  # noqa: FBT001 - a table of examples
) -> None:
    goal, other = make_suggestible(conn, contractor), make_suggestible(conn, make_contractor(conn))
    about = {"context_data": {"goal_id": str(goal)}, "message_type": "resource_suggestion"}
    make_message(conn, contractor, **({"sent_at": before(days=90)} | about | over))

    assert due(conn, "resource_suggestion") == ([other] if counts else [goal, other])


def test_a_suggestion_names_the_oldest_open_item(conn: Connection, contractor: int) -> None:
    goal = make_suggestible(conn, contractor)
    make_item(conn, goal, checklist_item="Call the two suppliers")
    make_item(conn, goal)

    (row,) = decided(conn, "resource_suggestion")

    assert row["facts"]["item"] == "Call the two suppliers"
