"""Messages that outlived more than one run: asked for by themselves, now and then, at no cost worth the name."""

from typing import Any

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline_tests.factories import ago, make_contractor, make_message

_QUERIES = load("ige_pipeline.delivery", "claim.sql")


def test_asking_for_them_reads_nothing_of_the_outbox_where_there_are_none(conn: Connection) -> None:
    conn.execute(
        "INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, trigger_name) "
        "SELECT 1, 'check_in', 'Hi', 'stalled_goal' FROM generate_series(1, 5000)"
    )
    conn.execute("ANALYZE ai_proactive_messages")
    conn.execute(_QUERIES["claims_only"])

    (row,) = conn.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + _QUERIES["worn"], {"adopted": True}).fetchall()

    plan = row["QUERY PLAN"][0]["Plan"]
    assert indexes(plan) == {"ige_worn"}
    assert plan["Shared Hit Blocks"] < 10, "Five thousand that are due are not looked at."


def test_the_first_in_line_of_them_is_found(conn: Connection) -> None:
    somebody = make_contractor(conn)
    over: list[dict[str, Any]] = [
        {"priority": 90, "deaths": 1},
        {"priority": 50, "deaths": 2},
        {"priority": 70, "deaths": 3, "created_at": ago(minutes=1)},
        {"priority": 70, "deaths": 2, "created_at": ago(minutes=9)},
        {"priority": 80, "deaths": 2, "cancelled_at": ago(minutes=1), "cancel_reason": "why"},
        {"priority": 80, "deaths": 2, "next_attempt_at": ago(minutes=-5)},
    ]
    ids = [make_message(conn, somebody, **each) for each in over]

    assert conn.execute(_QUERIES["worn"], {"adopted": True}).fetchall() == [{"id": ids[3]}]


def indexes(plan: dict[str, Any]) -> set[str]:
    """The indexes that a plan reads."""
    here = {plan["Index Name"]} if "Index Name" in plan else set()
    return here.union(*(indexes(each) for each in plan.get("Plans", [])))
