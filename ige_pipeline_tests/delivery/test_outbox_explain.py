"""Every claimed message belongs to a decision and to a batch hour, whoever put it there."""

import pytest

from ige_pipeline.postgres.connection import Connection
from ige_pipeline_tests.delivery.fakes import in_minutes
from ige_pipeline_tests.delivery.outboxes import claimed, message, outbox_on, waiting
from ige_pipeline_tests.factories import ago, make_batch, make_contractor, make_decision, make_message


def test_a_row_of_another_program_gets_a_decision_that_explains_it(conn: Connection, database_url: str) -> None:
    message_id = waiting(conn, context_data={"goal_id": 3})

    with outbox_on(database_url) as outbox:
        claimed(outbox)

    decision = conn.execute("SELECT * FROM ige_decisions").fetchone() or {}
    assert message(conn, message_id)["decision_id"] == decision["id"]
    assert (decision["trigger_name"], decision["verdict"], decision["message_id"]) == (
        "external",
        "scheduled",
        message_id,
    )
    assert decision["facts"] == {"goal_id": 3}


def test_a_message_of_ours_keeps_its_decision_and_belongs_to_its_batch_hour(
    conn: Connection, database_url: str
) -> None:
    batch = make_batch(conn, as_of=ago(hours=3))
    contractor = make_contractor(conn)
    decision = make_decision(conn, batch, contractor)
    message_id = make_message(conn, contractor, decision_id=decision)

    with outbox_on(database_url) as outbox:
        lease = claimed(outbox)

    assert message(conn, message_id)["decision_id"] == decision
    assert lease.batch_hour == batch.batch_hour


@pytest.mark.parametrize("created_at", [None, "infinity"])
def test_a_row_whose_age_makes_no_sense_belongs_to_this_hour(
    conn: Connection, database_url: str, created_at: str | None
) -> None:
    waiting(conn, created_at=created_at, expires_at=in_minutes(60))

    with outbox_on(database_url) as outbox:
        lease = claimed(outbox)

    assert lease.batch_hour == lease.claimed_at.replace(minute=0, second=0, microsecond=0)
