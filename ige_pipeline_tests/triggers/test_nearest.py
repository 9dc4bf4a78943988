"""Which trigger comes nearest for somebody whom none selects, and in which words."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.nearest import Nearest, nearest, standings
from ige_pipeline.triggers.trigger import load_all
from ige_pipeline_tests.built_in import NAMES, built_in
from ige_pipeline_tests.factories import (
    ago,
    insert,
    make_contractor,
    make_goal,
    make_item,
    make_message,
    make_sent_message,
)

Make = Callable[[Connection, int], int]


@pytest.fixture
def conn(shared_conn: Connection) -> Iterator[Connection]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


@pytest.fixture
def contractor(conn: Connection) -> int:
    return make_contractor(conn)


def goal(**over: Any) -> Make:
    bare = {"next_milestone": None, "pattern_source": None}
    return lambda conn, contractor: make_goal(conn, contractor, **(bare | over))


def asked_goal(**over: Any) -> Make:
    def make(conn: Connection, contractor: int) -> int:
        made = goal(**over)(conn, contractor)
        make_item(conn, made)
        return made

    return make


def completed_item(**over: Any) -> Make:
    row = {"status": "completed", "completed_at": ago(hours=5)} | over
    return lambda conn, contractor: make_item(conn, make_goal(conn, contractor), **row)


def row_of(table: str, **row: Any) -> Make:
    return lambda conn, contractor: insert(conn, table, {"contractor_id": contractor} | row)


def action_item(**over: Any) -> Make:
    return row_of("contractor_action_items", **({"title": "Bid", "status": "pending", "due_date": ago(days=1)} | over))


def follow_up(**over: Any) -> Make:
    plan = {"status": "scheduled", "scheduled_time": ago(hours=1), "followup_type": "check_in"}
    return row_of("contractor_followup_schedules", **(plan | over))


def event_message(**over: Any) -> Make:
    plan = {"status": "scheduled", "scheduled_time": ago(hours=1), "message_content": "Tomorrow!", "channel": "sms"}
    return row_of("event_messages", **(plan | over))


def of(trigger: str, conn: Connection, contractor: int) -> list[Nearest]:
    return [each for each in standings(conn, contractor, Settings()) if each.trigger.name == trigger]


FIRES: dict[str, Make] = {
    "event_message_due": event_message(),
    "follow_up_due": follow_up(),
    "milestone_achieved": completed_item(),
    "high_priority_goal": asked_goal(),
    "action_item_overdue": action_item(),
    "milestone_approaching": goal(current_progress=80, next_milestone="Send the first bid"),
    "stalled_goal": goal(updated_at=ago(days=8)),
    "resource_suggestion": goal(pattern_source="Owners who bid weekly", pattern_confidence=0.7),
    "data_gap": goal(data_gaps=Jsonb(["Which trade?"])),
}
LACKS: list[tuple[str, Make, str]] = [
    ("event_message_due", event_message(scheduled_time=ago(days=-1)), "event message #{id} is planned for "),
    ("event_message_due", event_message(status="sent"), "event message #{id} is sent"),
    ("event_message_due", event_message(channel="email"), "event message #{id} goes by email"),
    ("event_message_due", event_message(direction="inbound"), "event message #{id} is inbound"),
    ("event_message_due", event_message(scheduled_time="-infinity"), "event message #{id} is planned for no time"),
    ("follow_up_due", follow_up(scheduled_time=ago(days=-2)), "follow-up #{id} is planned for "),
    ("follow_up_due", follow_up(status="cancelled"), "follow-up #{id} is cancelled"),
    ("follow_up_due", follow_up(status=None), "follow-up #{id} is without a status"),
    ("follow_up_due", follow_up(scheduled_time=None), "follow-up #{id} is planned for no time"),
    ("milestone_achieved", completed_item(completed_at=ago(days=2.99)), "item #{id} was completed 2.9 days ago"),
    ("milestone_achieved", completed_item(completed_at=None), "nobody knows when item #{id} was completed"),
    ("high_priority_goal", asked_goal(priority_score=6), "goal #{id} has priority 6, and 7 is the least"),
    ("high_priority_goal", asked_goal(priority_score=None), "goal #{id} has no priority"),
    ("high_priority_goal", asked_goal(created_at=ago(days=-1)), "goal #{id} is dated in the future"),
    ("high_priority_goal", goal(), "goal #{id} has no open checklist item"),
    ("high_priority_goal", asked_goal(status="blocked"), "goal #{id} is blocked, not active"),
    ("action_item_overdue", action_item(due_date=ago(days=-1.96)), "action item #{id} is due in 1.9 days"),
    ("action_item_overdue", action_item(due_date=ago(days=31)), "action item #{id} was due 31.0 days ago"),
    ("action_item_overdue", action_item(due_date=None), "action item #{id} has no due date"),
    ("action_item_overdue", action_item(completed_at=ago(days=1)), "action item #{id} is completed"),
    ("milestone_approaching", goal(next_milestone="Bid", current_progress=None), "nobody knows how far goal #{id} is"),
    ("milestone_approaching", goal(next_milestone="Bid", current_progress=79), "goal #{id} is at 79%, 80% is near"),
    ("milestone_approaching", goal(current_progress=99), "goal #{id} has no next milestone"),
    ("stalled_goal", goal(updated_at=None), "nobody knows when goal #{id} was last updated"),
    ("stalled_goal", goal(updated_at="infinity"), "nobody knows when goal #{id} was last updated"),
    ("stalled_goal", goal(updated_at=ago(days=6.96)), "goal #{id} was updated 6.9 days ago, and 7 must pass"),
    ("resource_suggestion", goal(pattern_source="x", pattern_confidence=0.65), "the pattern of goal #{id} has conf"),
    ("resource_suggestion", goal(pattern_source="x", pattern_confidence="NaN"), "nobody knows how sure the pattern"),
    ("resource_suggestion", goal(pattern_source=" "), "goal #{id} follows no pattern"),
    ("data_gap", goal(data_gaps=Jsonb([{}])), "goal #{id} has no open question"),
    ("data_gap", goal(data_gaps=Jsonb({"question": "Which?"})), "the data gaps of goal #{id} are no list"),
    ("data_gap", goal(data_gaps=Jsonb(None)), "goal #{id} has no open question"),
    ("data_gap", goal(data_gaps=None), "goal #{id} has no open question"),
    ("action_item_overdue", action_item(created_at=ago(days=-1)), "action item #{id} is dated in the future"),
]


def test_somebody_without_anything_has_no_nearest_trigger(conn: Connection, contractor: int) -> None:
    assert nearest(conn, contractor, Settings(), triggers=built_in()) is None


def test_every_trigger_of_the_package_has_an_example_that_fires_and_one_that_does_not() -> None:
    assert set(FIRES) == {name for name, _, _ in LACKS} == NAMES


@pytest.mark.parametrize(("trigger", "make"), [pytest.param(*each, id=each[0]) for each in FIRES.items()])
def test_a_row_that_fires_lacks_nothing(conn: Connection, contractor: int, trigger: str, make: Make) -> None:
    subject = make(conn, contractor)

    assert [(each.subject_id, each.missing) for each in of(trigger, conn, contractor)] == [(subject, ())]


@pytest.mark.parametrize(("trigger", "make", "says"), [pytest.param(*each, id=each[2]) for each in LACKS])
def test_a_row_that_does_not_fire_says_what_it_lacks(
    conn: Connection, contractor: int, trigger: str, make: Make, says: str
) -> None:
    subject = make(conn, contractor)

    (found,) = [each for each in of(trigger, conn, contractor) if each.subject_id == subject]

    assert [sentence for sentence in found.missing if sentence.startswith(says.format(id=subject))] != []


def test_of_all_that_comes_nearest_which_lacks_least(conn: Connection, contractor: int) -> None:
    subject = asked_goal(priority_score=6)(conn, contractor)

    found = nearest(conn, contractor, Settings(), triggers=built_in())

    assert found is not None
    assert found.missing == (f"goal #{subject} has priority 6, and 7 is the least",)


def test_what_is_over_for_good_comes_after_all_that_may_still_be(conn: Connection, contractor: int) -> None:
    follow_up(status="sent")(conn, contractor)
    goal(status="blocked", priority_score=2, updated_at=ago(days=1))(conn, contractor)

    found = nearest(conn, contractor, Settings(), triggers=built_in())

    assert found is not None
    assert not found.over
    assert found.trigger.subject == "ai_concierge_goals"


@pytest.mark.parametrize("ours", [False, True])
def test_a_row_that_was_written_about_yesterday_says_so(
    conn: Connection,
    contractor: int,
    ours: bool,  # noqa: FBT001 - both ways
) -> None:
    subject = asked_goal()(conn, contractor)
    columns = {"subject_table": "ai_concierge_goals", "subject_id": subject}
    about = columns if ours else {"context_data": Jsonb({"goal_id": subject})}
    make_sent_message(conn, contractor, sent_at=ago(days=1, minutes=9), **about)

    (found,) = of("high_priority_goal", conn, contractor)

    assert found.missing == ("it was written about 1.0 days ago, and 3 must pass",)


def test_a_message_that_waits_is_named_before_one_that_was_sent(conn: Connection, contractor: int) -> None:
    subject = asked_goal()(conn, contractor)
    about = {"subject_table": "ai_concierge_goals", "subject_id": subject}
    make_message(conn, contractor, created_at=ago(days=9), **about)
    make_sent_message(conn, contractor, sent_at=ago(days=1), **about)

    (found,) = of("high_priority_goal", conn, contractor)

    assert found.missing == ("a message about it waits to be sent",)


def test_once_is_enough_for_the_same_occurrence_and_not_for_another(conn: Connection, contractor: int) -> None:
    make = FIRES["resource_suggestion"]
    subject, other = make(conn, contractor), goal(pattern_source="New", pattern_confidence=0.9)(conn, contractor)
    for each, occurrence in ((subject, "Owners who bid weekly"), (other, "Old")):
        key = conn.execute("SELECT md5(%s) AS word", [occurrence]).fetchone()
        about = {"subject_table": "ai_concierge_goals", "subject_id": each, "occurrence": (key or {})["word"]}
        about |= {"trigger_name": "resource_suggestion"}
        dedupe_key = f"resource_suggestion:ai_concierge_goals:{each}:{about['occurrence']}"
        make_sent_message(conn, contractor, sent_at=ago(days=90, minutes=9), dedupe_key=dedupe_key, **about)

    missing = {each.subject_id: each.missing for each in of("resource_suggestion", conn, contractor)}

    assert missing == {subject: ("it was written about 90.0 days ago, and once is enough",), other: ()}


def test_a_row_behind_as_many_as_are_considered_says_its_place(conn: Connection, contractor: int) -> None:
    for _ in range(4):
        last = asked_goal()(conn, contractor)

    missing = {each.subject_id: each.missing for each in of("high_priority_goal", conn, contractor)}

    assert missing.pop(last) == ("it is number 4 of theirs in urgency, and 3 is the most at once",)
    assert set(missing.values()) == {()}


def test_while_adoption_is_pending_a_promise_waits_for_it(conn: Connection, contractor: int) -> None:
    follow_up()(conn, contractor)
    conn.execute("UPDATE ige_switches SET value = value || '{\"state\": \"pending\"}' WHERE name = 'adoption'")

    (found,) = of("follow_up_due", conn, contractor)

    assert found.missing == ("promised messages wait until `ige adopt` was run",)


def test_a_promise_whose_message_died_waits_for_a_person(conn: Connection, contractor: int) -> None:
    conn.execute("SET LOCAL timezone = 'UTC'")
    subject = follow_up(scheduled_time="2026-01-01 10:00:00")(conn, contractor)
    key = f"follow_up_due:contractor_followup_schedules:{subject}:2026-01-01T10:00:00"
    about = {"trigger_name": "follow_up_due", "subject_table": "contractor_followup_schedules", "subject_id": subject}
    dead = {"dedupe_key": key, "occurrence": "2026-01-01T10:00:00", "dead_at": ago(hours=1), "dead_reason": "no_phone"}
    make_message(conn, contractor, **about, **dead)

    (found,) = of("follow_up_due", conn, contractor)

    assert found.missing == ("its message could not be delivered and waits for a person (`ige dead`)",)


def test_a_promise_that_a_batch_would_only_close_does_not_fire(conn: Connection, contractor: int) -> None:
    done = action_item(status="completed")(conn, contractor)
    follow_up(scheduled_time=ago(hours=30, minutes=6))(conn, contractor)
    follow_up(action_item_id=done)(conn, contractor)
    fires = follow_up(action_item_id=done, skip_if_completed=False)(conn, contractor)

    late, closed, still = of("follow_up_due", conn, contractor)

    assert late.missing == ("its time was 30.1 h ago, and 24 h is the most",)
    assert closed.missing == ("what it would ask about is done",)
    assert (late.over, closed.over) == (True, True)
    assert (still.subject_id, still.missing) == (fires, ())


def test_words_that_say_nothing_are_replaced_and_words_that_deny_a_firing_row_are_dropped(
    conn: Connection, contractor: int
) -> None:
    subject, quiet = asked_goal()(conn, contractor), asked_goal(priority_score=1)(conn, contractor)
    (trigger,) = [each for each in load_all() if each.name == "high_priority_goal"]
    says = "SELECT id AS subject_id, ARRAY[]::text[] AS missing FROM ai_concierge_goals WHERE id = {quiet}"
    denies = "SELECT {subject} AS subject_id, ARRAY['it does not fire'] AS missing"
    wrong = replace(trigger, nearest=f"{says} UNION ALL {denies}".format(quiet=quiet, subject=subject))

    missing = {each.subject_id: each.missing for each in standings(conn, contractor, Settings(), triggers=[wrong])}

    general = f"row #{quiet} of ai_concierge_goals lacks something that high_priority_goal asks for"
    assert missing == {subject: (), quiet: (general,)}
