"""Which trigger comes nearest for somebody whom none selects."""

import pytest
from psycopg.types.json import Jsonb

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.nearest import nearest
from ige_pipeline.triggers.trigger import load_all
from ige_pipeline_tests.factories import ago, insert, make_contractor, make_goal, make_item, make_sent_message


def test_somebody_without_anything_has_no_nearest_trigger(conn: Connection) -> None:
    assert nearest(conn, make_contractor(conn), Settings()) is None


def test_a_goal_of_too_low_a_priority_says_so_with_both_figures(conn: Connection) -> None:
    goal = make_goal(conn, make_contractor(conn), priority_score=6, next_milestone=None)
    make_item(conn, goal)
    contractor = conn.execute("SELECT contractor_id FROM ai_concierge_goals").fetchone()

    assert contractor is not None
    found = nearest(conn, contractor["contractor_id"], Settings())

    assert found is not None
    assert (found.trigger.name, found.missing) == (
        "high_priority_goal",
        (f"goal #{goal} has priority 6, and 7 is the least",),
    )


def test_a_row_that_fires_lacks_nothing(conn: Connection) -> None:
    contractor = make_contractor(conn)
    make_item(conn, make_goal(conn, contractor))

    found = nearest(conn, contractor, Settings())

    assert found is not None
    assert found.missing == ()


def test_a_follow_up_that_is_planned_says_for_when(conn: Connection) -> None:
    contractor = make_contractor(conn)
    row = {"contractor_id": contractor, "status": "scheduled", "scheduled_time": ago(days=-2)}
    follow_up = insert(conn, "contractor_followup_schedules", row)

    found = nearest(conn, contractor, Settings())

    assert found is not None
    assert found.trigger.name == "follow_up_due"
    assert found.missing[0].startswith(f"follow-up #{follow_up} is planned for ")


@pytest.mark.parametrize("trigger", load_all(), ids=lambda trigger: trigger.name)
def test_every_trigger_can_say_what_is_missing(conn: Connection, trigger: object) -> None:
    statement = getattr(trigger, "nearest", None)

    assert statement is not None
    conn.execute(statement, Settings().model_dump() | {"contractor_id": 1})


def test_a_row_that_was_written_about_yesterday_says_so(conn: Connection) -> None:
    contractor = make_contractor(conn)
    goal = make_goal(conn, contractor, next_milestone=None)
    make_item(conn, goal)
    make_sent_message(conn, contractor, sent_at=ago(days=1), context_data=Jsonb({"goal_id": goal}))

    found = nearest(conn, contractor, Settings())

    assert found is not None
    assert (found.trigger.name, found.missing) == (
        "high_priority_goal",
        ("it was written about 1.0 days ago, and 3 must pass",),
    )
