"""The SQL of every trigger agrees with a slow and obvious implementation on many generated databases.

`IGE_TEST_EXAMPLES` says how many; the default suits a run of the whole suite, and `make agreement` runs thousands.
"""

import os
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow

from ige_pipeline.ledger.batch import Batch
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.evaluate import evaluate
from ige_pipeline.triggers.nearest import standings
from ige_pipeline_tests.agreement.generated import AS_OF, THRESHOLDS, worlds
from ige_pipeline_tests.agreement.question import Candidate, Question
from ige_pipeline_tests.agreement.who_is_due import candidates
from ige_pipeline_tests.agreement.world import World, shifted
from ige_pipeline_tests.agreement.writing import insert, wording
from ige_pipeline_tests.built_in import built_in
from ige_pipeline_tests.factories import found_by, make_batch, one

Conn = psycopg.Connection[DictRow]

EXAMPLES = int(os.environ.get("IGE_TEST_EXAMPLES", "30"))
MANY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
LAG = st.sampled_from([timedelta(0), timedelta(0), timedelta(hours=2), timedelta(hours=30)])
ABOUT = {
    "high_priority_goal": "item_id",
    "stalled_goal": "item_id",
    "milestone_achieved": "item_id",
    "milestone_approaching": "action_item_id",
    "data_gap": "gap",
    "resource_suggestion": "pattern",
}


@MANY
@given(zone=st.sampled_from(["UTC", "Asia/Kolkata"]), world=worlds(), thresholds=THRESHOLDS, lag=LAG)
def test_the_triggers_find_whom_the_rules_name(
    shared_conn: Conn, zone: str, world: World, thresholds: Settings, lag: timedelta
) -> None:
    with shared_conn.transaction(force_rollback=True):
        asked, batch = ask(shared_conn, world, thresholds, zone=ZoneInfo(zone), lag=lag)
        expected = candidates(asked)
        counts = evaluate(shared_conn, batch, built_in(), thresholds)
        found = {candidate(row) for row in found_by(shared_conn, batch)}

    for trigger in {each.trigger for each in expected}:
        event(trigger)
    assert found == expected
    assert sum(counts.values()) == len(expected)


@settings(MANY, max_examples=max(1, EXAMPLES // 2))
@given(world=worlds(), thresholds=THRESHOLDS, lag=LAG)
def test_a_row_fires_when_the_trigger_selects_it_and_else_says_what_it_lacks(
    shared_conn: Conn, world: World, thresholds: Settings, lag: timedelta
) -> None:
    conn = shared_conn
    with conn.transaction(force_rollback=True):
        asked, batch = ask(conn, world, thresholds, zone=ZoneInfo("UTC"), lag=lag)
        evaluate(conn, batch, built_in(), thresholds)
        selected = found_by(conn, batch)
        told = [
            (contractor, each)
            for contractor in (1, 2, 3, 4)
            for each in standings(conn, contractor, thresholds, as_of=asked.as_of, triggers=built_in())
        ]

    fires = {(contractor, each.trigger.name, each.subject_id) for contractor, each in told if not each.missing}
    taken = [row for row in selected if row["verdict"] is None]
    assert fires == {(row["contractor_id"], row["trigger_name"], row["subject_id"]) for row in taken}
    assert [each for _, each in told if each.missing and not all(each.missing)] == []
    assert [each for _, each in told if each.over and not each.missing] == []
    assert {(contractor, each.trigger.name, each.subject_id) for contractor, each in told} >= rows_of(world)
    event(f"{len(fires)} of {len(told)} fire")


def rows_of(world: World) -> set[tuple[int, str, int]]:
    """Every row of somebody that a trigger is about: none of them may be passed over in silence."""
    about: dict[str, list[Any]] = {
        "high_priority_goal": world.goals,
        "stalled_goal": world.goals,
        "milestone_approaching": world.goals,
        "data_gap": world.goals,
        "resource_suggestion": world.goals,
        "milestone_achieved": [item for item in world.items if item.status == "completed"],
        "action_item_overdue": world.action_items,
        "follow_up_due": world.follow_ups,
        "event_message_due": world.event_messages,
    }
    return {
        (row.contractor_id, trigger, row.id)
        for trigger, rows in about.items()
        for row in rows
        if row.contractor_id is not None
    }


def ask(conn: Conn, world: World, thresholds: Settings, *, zone: ZoneInfo, lag: timedelta) -> tuple[Question, Batch]:
    """Write the world so that its moment lies `lag` before the database's now, and open a batch as of that moment."""
    now = one(conn.execute("SELECT now() AS now"))["now"]
    as_of = now - lag
    there = shifted(world, as_of - AS_OF)
    insert(conn, there, zone)
    return Question(there, thresholds, as_of, now, wording(zone)), make_batch(conn, as_of=as_of)


def candidate(row: DictRow) -> Candidate:
    name, facts = row["trigger_name"], row["facts"]
    promised = (row["message_type"], row["source_message_type"])
    return Candidate(
        name,
        row["contractor_id"],
        row["subject_id"],
        row["occurrence"],
        row["changed_since"],
        promised if row["promised"] else facts[ABOUT[name]] if name in ABOUT else None,
        row["reasons"][0]["reason"] if row["verdict"] else None,
    )
