"""What Dagster shows when a run cannot go on, and what is left to the next one."""

from pathlib import Path

import dagster as dg
import pytest

from ige_pipeline.postgres.connection import Connection
from ige_pipeline_tests.dagster_instances import (
    DELIVER,
    SCHEDULE,
    due_person,
    failure,
    model_that_is_down_at_first,
    outbox,
    run_job,
    told,
)
from ige_pipeline_tests.delivery.loopback import Receiver
from ige_pipeline_tests.delivery.outboxes import message, waiting
from ige_pipeline_tests.factories import ago, one


def test_a_row_that_postgres_refuses_is_not_quoted_in_the_failure(
    conn: Connection, in_memory: dg.DagsterInstance
) -> None:
    due_person(conn, first_name="Hildegard")
    conn.execute("ALTER TABLE ai_proactive_messages ADD CONSTRAINT too_long CHECK (length(message_content) < 5)")

    result = run_job(SCHEDULE, in_memory)

    assert failure(result).startswith("Postgres: CheckViolation at delivery/schedule.py:")
    assert "too_long" in failure(result)
    draft = one(conn.execute("SELECT draft FROM ige_decisions"))["draft"]
    assert draft
    assert draft not in told(in_memory, result.run_id)
    assert "Failing row" not in told(in_memory, result.run_id)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        (
            "N8N_OUTBOUND_WEBHOOK_URL=",
            "N8N_OUTBOUND_WEBHOOK_URL is not set: set it to the webhook that sends your texts.",
        ),
        ("N8N_OUTBOUND_WEBHOOK_URL=n8n/hook", "N8N_OUTBOUND_WEBHOOK_URL is not a web address: "),
        ("IGE_WEBHOOK_SECRET=whsec_hunter2!", "IGE_WEBHOOK_SECRET is not whsec_ and base64: "),
        ("IGE_MAX_MESSAGES_PER_RUN=many", "max_messages_per_run in IGE_MAX_MESSAGES_PER_RUN is malformed: "),
        ("IGE_DATABASE_URL=postgresql://127.0.0.1:1/none", "Postgres at 127.0.0.1:1/none cannot be reached "),
    ],
)
def test_what_is_wrong_around_us_fails_delivery_in_one_sentence_before_any_row_is_touched(
    conn: Connection, in_memory: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, setting: str, sentence: str
) -> None:
    waiting(conn, created_at=ago(days=2))
    waiting(conn)
    before = outbox(conn)
    variable, _, value = setting.partition("=")
    monkeypatch.setenv(variable, value)

    result = run_job(DELIVER, in_memory)

    assert not result.success
    assert failure(result).startswith(sentence)
    assert "\n" not in failure(result)
    assert "hunter2" not in told(in_memory, result.run_id)
    assert outbox(conn) == before


def test_a_wrong_address_fails_the_run_and_not_the_message(
    conn: Connection, in_memory: dg.DagsterInstance, receiver: Receiver
) -> None:
    ids = [waiting(conn) for _ in range(2)]
    receiver.answer = lambda _body: 404

    result = run_job(DELIVER, in_memory)

    assert "answered http_404, so the endpoint is wrong and not the messages" in failure(result)
    in_flight = len(receiver.posts)
    assert [message(conn, each)["attempts"] for each in ids] == [0, 0]
    receiver.answer = lambda _body: 200
    assert run_job(DELIVER, in_memory).success
    assert len(receiver.posts) == in_flight, (
        "While the circuit is open nothing is posted, and no run fails for it again."
    )
    conn.execute("UPDATE ige_circuits SET probe_at = now()")
    assert run_job(DELIVER, in_memory).success
    assert [message(conn, each)["attempts"] for each in ids] == [1, 1]


def test_a_run_that_failed_in_its_third_op_is_completed_from_there_in_the_same_batch(
    conn: Connection, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    due_person(conn)
    (down := tmp_path / "down").touch()
    monkeypatch.setenv("IGE_TEST_MODEL_DOWN", str(down))
    reconstructable = dg.reconstructable(model_that_is_down_at_first)

    first = dg.execute_job(reconstructable, instance)
    down.unlink()
    options = dg.ReexecutionOptions.from_failure(first.run_id, instance)
    second = dg.execute_job(reconstructable, instance, reexecution_options=options)

    assert steps(first) == {"evaluate_triggers": True, "screen_recipients": True, "generate_messages": False}
    assert steps(second) == {"generate_messages": True, "screen_content": True, "schedule_messages": True}
    batch = one(conn.execute("SELECT root_run_id, counts FROM ige_batches"))
    assert batch == {"root_run_id": first.run_id, "counts": {"scheduled": 1}}
    assert len(outbox(conn)) == 1


def steps(result: dg.JobExecutionResult) -> dict[str, bool]:
    """Return {op: whether it succeeded} of the ops that ran."""
    ended = [event for event in result.all_events if event.is_step_success or event.is_step_failure]
    return {str(event.step_key): event.is_step_success for event in ended}


def test_an_op_without_its_batch_says_what_to_run(conn: Connection, instance: dg.DagsterInstance) -> None:
    due_person(conn)
    alone = dg.execute_job(
        dg.reconstructable(model_that_is_down_at_first), instance, op_selection=["screen_recipients"]
    )

    sentence = "This run has no batch: start schedule_messages_job from its first op, evaluate_triggers."
    assert not alone.success
    assert sentence in told(instance, alone.run_id)
