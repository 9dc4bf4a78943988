"""Small databases at hard edges: few subjects, so that the rows concern one another, and times around each limit."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from ige_pipeline.settings import Settings
from ige_pipeline_tests.agreement.world import (
    ACTION_ITEMS,
    EVENT_MESSAGES,
    FOLLOW_UPS,
    GOALS,
    ITEMS,
    ActionItem,
    EventMessage,
    FollowUp,
    Goal,
    Item,
    Message,
    World,
)

AS_OF = datetime(2026, 3, 2, 14, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)

EDGES = [timedelta(days=days) for days in (0, 1, 2, 3, 7, 14, -3)]
MOMENTS = st.one_of(
    st.sampled_from([AS_OF - edge + off for edge in EDGES for off in (-INSTANT, timedelta(0), INSTANT)]),
    st.integers(-4, 40).map(lambda days: AS_OF - timedelta(days=days, minutes=7)),
)
MAYBE = st.one_of(MOMENTS, MOMENTS, st.none())
LONG_AGO = st.one_of(st.sampled_from([AS_OF - timedelta(days=days) for days in (60, 60, 9)]), MAYBE)
FRESH = st.one_of(
    st.sampled_from([AS_OF - timedelta(days=2), AS_OF - timedelta(days=2) + INSTANT, AS_OF - timedelta(hours=5)]), MAYBE
)
DUE = st.one_of(
    st.sampled_from([AS_OF + each for each in (-INSTANT, timedelta(0), INSTANT, timedelta(days=1))]),
    st.sampled_from([AS_OF - timedelta(days=30), AS_OF - timedelta(days=30) - INSTANT, AS_OF - timedelta(hours=3)]),
    st.sampled_from([AS_OF + timedelta(days=3), AS_OF + timedelta(days=3) + INSTANT, AS_OF - timedelta(days=30)]),
    MAYBE,
)
PLANNED = st.one_of(
    st.sampled_from([AS_OF + each for each in (timedelta(0), INSTANT, -timedelta(hours=1), -timedelta(hours=24))]),
    st.sampled_from([AS_OF - timedelta(hours=24) + INSTANT, AS_OF - timedelta(hours=20), None]),
    MOMENTS,
)
SOMEBODY = st.sampled_from([1, 1, 1, 2, 2, 3, 4, None])
A_FEW = st.sampled_from([1, 1, 1, 2, 2, 3, 4])

TEXTS = st.sampled_from(
    ["Which trade?", " How many crews? ", "\tHow many\n", "", "  ", "\n", None, 5, {"a": 1}, ["Why?"]]
)
FLAG: st.SearchStrategy[Any] = st.sampled_from(
    [True, False, None, 0, 1, "", "false", "No", "yes", " ", [], {}, "2026-01-01", ["Ada"]]
)
MARKS: dict[str, Any] = {
    "status": st.sampled_from(["open", "Pending", " new\n", "", " ", "resolved", "answered", "asked", 0, False, None]),
    "resolved": FLAG,
    "answered": FLAG,
    "resolved_at": FLAG,
    "answered_at": FLAG,
    "answer": st.sampled_from(["Roofing", "no", "", "\n", None, False, 0, [], {}, ["Roofing"]]),
    "question": TEXTS,
    "description": TEXTS,
    "field": TEXTS,
}
GAP = st.one_of(
    st.sampled_from(sorted(MARKS)).flatmap(
        lambda mark: st.fixed_dictionaries({"description": st.just("Trade"), mark: MARKS[mark]})
    ),
    st.fixed_dictionaries({}, optional=MARKS),
    TEXTS,
    st.sampled_from([1, True, [], ["Which?"]]),
)
GAPS = st.one_of(
    GAP.map(lambda gap: [gap]),
    st.lists(GAP, min_size=1, max_size=3),
    st.sampled_from([None, [], {}, {"question": "Which trade?"}, "Which trade?", 1]),
)
PATTERN = st.sampled_from(["Owners who bid weekly", "Owners who bid weekly", "Ask for referrals", " ", None])

GOAL = st.builds(
    Goal,
    id=st.just(0),
    contractor_id=SOMEBODY,
    status=st.sampled_from([*["active"] * 7, "completed", "abandoned", "blocked"]),
    priority_score=st.sampled_from([4, 5, 6, 7, 7, 7, 8, 8, 10, None]),
    current_progress=st.sampled_from([0, 40, 79, 80, 81, 100, None]),
    next_milestone=st.sampled_from(["Send the first bid", "Send the first bid", " ", None]),
    pattern_source=PATTERN,
    pattern_confidence=st.sampled_from([0.699, 0.7, 0.7, 0.701, 1, None]),
    data_gaps=GAPS,
    created_at=LONG_AGO,
    updated_at=LONG_AGO,
)
ITEM = st.builds(
    Item,
    id=st.just(0),
    goal_id=st.one_of(A_FEW, st.none()),
    contractor_id=SOMEBODY,
    status=st.sampled_from([*["pending"] * 4, *["completed"] * 3, "in_progress", "skipped"]),
    created_at=LONG_AGO,
    completed_at=FRESH,
    updated_at=MAYBE,
)
ACTION_ITEM = st.builds(
    ActionItem,
    id=st.just(0),
    contractor_id=SOMEBODY,
    status=st.sampled_from([*["pending"] * 5, "in_progress", "completed", "cancelled", None]),
    due_date=DUE,
    completed_at=st.one_of(st.none(), st.none(), st.none(), MAYBE),
    created_at=LONG_AGO,
    updated_at=LONG_AGO,
)
FOLLOW_UP = st.builds(
    FollowUp,
    id=st.just(0),
    contractor_id=SOMEBODY,
    action_item_id=st.one_of(A_FEW, st.none()),
    status=st.sampled_from([*["scheduled"] * 5, "sent", "cancelled", None]),
    scheduled_time=PLANNED,
    followup_type=st.sampled_from(
        ["check_in", "reminder", "status_update", "offer_help", "completion_confirmation", "other", None]
    ),
    skip_if_completed=st.sampled_from([True, True, False, None]),
)
EVENT_MESSAGE = st.builds(
    EventMessage,
    id=st.just(0),
    contractor_id=SOMEBODY,
    status=st.sampled_from([*["scheduled"] * 5, "sent", "failed", None]),
    scheduled_time=PLANNED,
    message_type=st.sampled_from(["day_before", None]),
    channel=st.sampled_from([*["sms"] * 4, "email", None]),
    direction=st.sampled_from(["outbound", "outbound", "inbound", None]),
)
NAMED = st.one_of(
    A_FEW, A_FEW.map(str), st.sampled_from([None, "x", "", " 1", "01", [1], {"id": 1}, True, 1.5, 10**30])
)
CONTEXT = st.one_of(
    st.fixed_dictionaries({"goal_id": A_FEW}),
    st.fixed_dictionaries({}, optional={"goal_id": NAMED, "item_id": NAMED, "action_item_id": NAMED}),
    st.fixed_dictionaries({"action_item_id": A_FEW}),
    st.sampled_from([None, [], [1], "goal_id", 1, True]),
)
TRIGGERS_OF = {
    GOALS: ("high_priority_goal", "resource_suggestion", "resource_suggestion", *["milestone_approaching"] * 3),
    ITEMS: ("milestone_achieved",),
    ACTION_ITEMS: ("action_item_overdue",),
    FOLLOW_UPS: ("follow_up_due", "follow_up_due"),
    EVENT_MESSAGES: ("event_message_due", "event_message_due"),
}
OURS = st.sampled_from([(table, trigger) for table, triggers in TRIGGERS_OF.items() for trigger in triggers])
SUBJECT = st.one_of(
    st.tuples(OURS, A_FEW).map(lambda drawn: (*drawn[0], drawn[1])),
    st.just((None, None, None)),
)
MESSAGE = st.builds(
    lambda subject, **rest: Message(subject_table=subject[0], trigger_name=subject[1], subject_id=subject[2], **rest),
    subject=SUBJECT,
    id=st.just(0),
    message_type=st.sampled_from(["check_in", "resource_suggestion", "celebration"]),
    for_its_occurrence=st.sampled_from([True, True, False]),
    context_data=CONTEXT,
    sent_at=MAYBE,
    ended=st.sampled_from([*[None] * 4, "dead", "refused", "cancelled", "cancelled", "declined", "expired"]),
    ended_at=MOMENTS,
)
THRESHOLDS = st.builds(
    Settings,
    high_priority_min_score=st.sampled_from([7, 7, 6]),
    high_priority_repeat_days=st.sampled_from([3, 3, 2.5, 0]),
    high_priority_at_most=st.integers(1, 3),
    stalled_min_score=st.sampled_from([5, 5, 4]),
    stalled_after_days=st.sampled_from([7, 7, 3, 0]),
    stalled_repeat_days=st.sampled_from([7, 7, 2]),
    stalled_at_most=st.integers(1, 2),
    celebrate_within_days=st.sampled_from([2, 2, 3, 0.5]),
    celebrate_at_most=st.integers(1, 2),
    approaching_within_days=st.sampled_from([3, 3, 1, 0]),
    approaching_min_progress=st.sampled_from([80, 80, 40, 0]),
    approaching_repeat_days=st.sampled_from([7, 3]),
    approaching_at_most=st.integers(1, 2),
    overdue_within_days=st.sampled_from([30, 30, 7]),
    overdue_repeat_days=st.sampled_from([7, 0]),
    overdue_at_most=st.integers(1, 2),
    data_gap_repeat_days=st.sampled_from([14, 1]),
    data_gap_at_most=st.integers(1, 2),
    suggestion_min_confidence=st.sampled_from([0.7, 0.7, 0]),
    suggestion_at_most=st.integers(1, 2),
    promised_late_hours=st.sampled_from([24, 24, 1]),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    return World(
        goals=numbered(draw(st.lists(GOAL, min_size=2, max_size=6))),
        items=numbered(draw(st.lists(ITEM, min_size=2, max_size=7))),
        action_items=numbered(draw(st.lists(ACTION_ITEM, min_size=2, max_size=5))),
        follow_ups=numbered(draw(st.lists(FOLLOW_UP, min_size=1, max_size=4))),
        event_messages=numbered(draw(st.lists(EVENT_MESSAGE, min_size=1, max_size=4))),
        messages=once_for_each_occurrence(numbered(draw(st.lists(MESSAGE, min_size=2, max_size=8)))),
        adopted=draw(st.sampled_from([True] * 7 + [False])),
    )


def numbered(rows: Iterable[Any]) -> list[Any]:
    return [replace(row, id=number) for number, row in enumerate(rows, start=1)]


def once_for_each_occurrence(messages: list[Message]) -> list[Message]:
    """The table holds one living message for each occurrence; a second one was about an earlier time."""
    seen: set[Any] = set()
    kept = []
    for message in messages:
        key = (message.trigger_name, message.subject_id)
        living = message.for_its_occurrence and message.ended is None and message.subject_id is not None
        kept.append(replace(message, for_its_occurrence=False) if living and key in seen else message)
        seen |= {key} if living else set()
    return kept
