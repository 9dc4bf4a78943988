"""The SQL of the three goal triggers agrees with a slow and obvious implementation on many generated databases.

`IGE_TEST_EXAMPLES` says how many; the default suits a run of the whole suite.
"""

import os
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from ige_pipeline.ledger.batch import Batch
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.evaluate import evaluate
from ige_pipeline.triggers.trigger import load_all
from ige_pipeline_tests.factories import make_batch
from ige_pipeline_tests.triggers.reference import GOALS, ITEMS, Candidate, Goal, Item, Message, World, candidates

Conn = psycopg.Connection[DictRow]

EXAMPLES = int(os.environ.get("IGE_TEST_EXAMPLES", "150"))
AS_OF = datetime(2026, 3, 2, 14, tzinfo=UTC)
THREE = [each for each in load_all() if each.name in {"high_priority_goal", "stalled_goal", "milestone_achieved"}]

INSTANT = timedelta(microseconds=1)
EDGES = [timedelta(0), *(timedelta(days=days) for days in (2, 3, 7))]
MOMENTS = st.one_of(
    st.sampled_from([AS_OF - edge + off for edge in EDGES for off in (-INSTANT, timedelta(0), INSTANT)]),
    st.integers(-2, 12).map(lambda days: AS_OF - timedelta(days=days, minutes=7)),
)
MAYBE = st.one_of(MOMENTS, MOMENTS, st.none())
LONG_AGO = st.one_of(st.just(AS_OF - timedelta(days=60)), st.just(AS_OF - timedelta(days=9)), MAYBE)
FRESH = st.one_of(
    st.sampled_from([AS_OF - timedelta(days=2), AS_OF - timedelta(days=2) + INSTANT, AS_OF - timedelta(hours=5)]), MAYBE
)
SENT = st.one_of(MOMENTS, st.integers(3, 20).map(lambda days: AS_OF - timedelta(days=days)), st.none())
SOMEBODY = st.sampled_from([*[1] * 6, *[2] * 3, None])
# Few subjects, so that the rows concern one another.
A_FEW = st.sampled_from([1, 1, 1, 2, 2, 3])

GOAL = st.builds(
    Goal,
    id=st.just(0),
    contractor_id=SOMEBODY,
    status=st.sampled_from([*["active"] * 7, "completed", "abandoned", "blocked"]),
    priority_score=st.sampled_from([4, 5, 6, 7, 7, 7, 8, 8, 10, None]),
    created_at=LONG_AGO,
    updated_at=LONG_AGO,
)
ITEM = st.builds(
    Item,
    id=st.just(0),
    goal_id=st.sampled_from([1, 1, 1, 2, 2, 3, None]),
    contractor_id=SOMEBODY,
    status=st.sampled_from([*["pending"] * 4, *["completed"] * 3, "in_progress", "skipped"]),
    created_at=LONG_AGO,
    completed_at=FRESH,
    updated_at=MAYBE,
)
NAMED = st.one_of(
    A_FEW, A_FEW.map(str), st.sampled_from([None, "x", "", " 1", "01", [1], {"id": 1}, True, 1.5, 10**30])
)
CONTEXT = st.one_of(
    st.fixed_dictionaries({}, optional={"goal_id": NAMED, "item_id": NAMED}),
    st.sampled_from([None, [], [1], "goal_id", 1, True]),
)
SUBJECT = st.one_of(
    st.tuples(st.sampled_from([GOALS, GOALS, ITEMS, ITEMS, "event_messages"]), A_FEW), st.just((None, None))
)
MESSAGE = st.builds(
    lambda subject, **rest: Message(subject_table=subject[0], subject_id=subject[1], **rest),
    subject=SUBJECT,
    id=st.just(0),
    context_data=CONTEXT,
    sent_at=SENT,
    ended=st.sampled_from([*[None] * 5, "dead", "cancelled", "expired", "declined"]),
)
WORLDS = st.builds(
    lambda goals, items, messages: World(numbered(goals), numbered(items), numbered(messages)),
    st.lists(GOAL, min_size=1, max_size=4),
    st.lists(ITEM, min_size=2, max_size=6),
    st.lists(MESSAGE, max_size=4),
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
)


def numbered(rows: Iterable[Any]) -> list[Any]:
    return [type(row)(**{**vars(row), "id": number}) for number, row in enumerate(rows, start=1)]


@pytest.fixture(scope="module")
def batch(shared_conn: Conn) -> Batch:
    return make_batch(shared_conn, as_of=AS_OF)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=WORLDS, thresholds=THRESHOLDS)
def test_the_triggers_find_whom_the_rules_name(
    shared_conn: Conn, batch: Batch, zone: str, world: World, thresholds: Settings
) -> None:
    conn, local = shared_conn, ZoneInfo(zone)
    expected = candidates(world, thresholds, as_of=AS_OF, write=lambda moment: naive(moment, local)[:19])

    with conn.transaction(force_rollback=True):
        conn.execute("SELECT set_config('timezone', %s, true)", [zone])
        insert(conn, world, local)
        counts = evaluate(conn, batch, THREE, thresholds)
        found = {candidate(row) for row in conn.execute("SELECT * FROM ige_decisions")}

    event(f"{len(expected)} found")
    assert found == expected
    assert sum(counts.values()) == len(expected)


def candidate(row: DictRow) -> Candidate:
    return Candidate(
        row["trigger_name"],
        row["contractor_id"],
        row["subject_id"],
        row["occurrence"],
        row["changed_since"],
        row["facts"]["item_id"],
    )


def insert(conn: Conn, world: World, zone: ZoneInfo) -> None:
    """Write the rows as the application does: times without zone, in the zone of its session."""
    tables: list[tuple[str, list[Any]]] = [
        (GOALS, world.goals),
        (ITEMS, world.items),
        ("ai_proactive_messages", world.messages),
    ]
    for table, rows in tables:
        if rows:
            insert_rows(conn, table, [as_row(asdict(row), zone) for row in rows])


def insert_rows(conn: Conn, table: str, rows: list[dict[str, Any]]) -> None:
    statement = sql.SQL("INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_recordset(NULL::{table}, %s)")
    names = sql.SQL(", ").join(sql.Identifier(name) for name in rows[0])
    conn.execute(statement.format(table=sql.Identifier(table), names=names), [Jsonb(rows)])


def as_row(row: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    plain = {name: naive(value, zone) if isinstance(value, datetime) else value for name, value in row.items()}
    if "ended" not in plain:
        return plain
    ended = plain.pop("ended")
    when = AS_OF.isoformat()
    return plain | {
        "priority": 50,
        "attempts": 0,
        "dead_at": when if ended == "dead" else None,
        "dead_reason": "no_phone" if ended == "dead" else None,
        "cancelled_at": when if ended in {"cancelled", "declined"} else None,
        "cancel_reason": {"cancelled": "gap, goal_closed", "declined": "Ada asked us not to"}.get(ended),
        "expired_at": when if ended == "expired" else None,
    }


def naive(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).replace(tzinfo=None).isoformat()
