"""A batch that would reach unusually many: its run fails, and nothing is scheduled until a person approved it."""

import dagster as dg
import pytest

from ige_pipeline.postgres.connection import Connection
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.dagster_instances import DELIVER, SCHEDULE, due_person, failure, outbox, run_job
from ige_pipeline_tests.delivery.loopback import Receiver
from ige_pipeline_tests.factories import ago, insert, make_contractor, one


@pytest.fixture
def terminal(database_url: str, receiver: Receiver) -> Terminal:
    env = {"IGE_DATABASE_URL": database_url, "N8N_OUTBOUND_WEBHOOK_URL": receiver.url}
    return Terminal(env | {"IGE_BLAST_RADIUS_AT_LEAST": "2"})


def test_a_held_batch_sends_nothing_until_somebody_approved_it_by_the_command_that_its_run_failed_with(
    conn: Connection,
    in_memory: dg.DagsterInstance,
    terminal: Terminal,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IGE_BLAST_RADIUS_AT_LEAST", "2")
    people = [due_person(conn) for _ in range(3)]

    held = run_job(SCHEDULE, in_memory)

    batch = one(conn.execute("SELECT id, counts FROM ige_batches"))
    assert not held.success
    assert f"`ige batches approve {batch['id']}` within 24 hours" in failure(held)
    assert (batch["counts"], outbox(conn)) == ({"held": 3}, [])

    shown = terminal.json("batches", "show", str(batch["id"]))
    approved = terminal.type("batches", "approve", str(batch["id"]), "--yes")
    delivered = run_job(DELIVER, in_memory)

    assert [(row["trigger_name"], row["messages"]) for row in shown["held"]] == [("high_priority_goal", 3)]
    assert "3 of 3 messages are scheduled" in approved.stdout
    assert delivered.success
    assert sorted(body["contractor_id"] for _, body in receiver.posts) == people
    assert one(conn.execute("SELECT counts FROM ige_batches"))["counts"] == {"scheduled": 3}


def test_a_held_batch_that_nobody_approved_in_a_day_is_closed_by_the_next_one_and_keeps_no_promise_back(
    conn: Connection, in_memory: dg.DagsterInstance, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IGE_BLAST_RADIUS_AT_LEAST", "2")
    for _ in range(3):
        due_person(conn)
    promised = {"status": "scheduled", "scheduled_time": ago(minutes=1), "followup_type": "check_in"}
    words = {"message_template": "How did the call with the suppliers go?", "ai_should_personalize": False}
    ada = make_contractor(conn, timezone=one(conn.execute("SELECT timezone FROM contractors LIMIT 1"))["timezone"])
    insert(conn, "contractor_followup_schedules", {"contractor_id": ada, **promised, **words})

    first = run_job(SCHEDULE, in_memory)
    conn.execute("UPDATE ige_batches SET as_of = as_of - interval '24 hours'")
    run_job(SCHEDULE, in_memory, triggers=["data_gap"])

    assert not first.success
    assert [message["contractor_id"] for message in outbox(conn)] == [ada]
    late = one(conn.execute("SELECT min(id) AS id FROM ige_batches"))["id"]
    assert terminal.type("batches", "approve", str(late), "--yes").stdout == f"Nothing is held in batch {late}.\n"
    verdicts = conn.execute("SELECT verdict, count(*) AS n FROM ige_decisions GROUP BY 1 ORDER BY 1").fetchall()
    assert [(row["verdict"], row["n"]) for row in verdicts] == [("expired", 3), ("scheduled", 1)]
