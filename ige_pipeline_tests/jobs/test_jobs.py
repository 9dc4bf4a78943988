"""Both jobs as Dagster runs them: what is decided, scheduled and delivered, and what each hour tells."""

import json
from pathlib import Path

import dagster as dg
import pytest
from dagster_shared.yaml_utils import load_run_config_yaml

from ige_pipeline.definitions import build_definitions
from ige_pipeline.postgres.connection import Connection
from ige_pipeline_tests.dagster_instances import (
    DELIVER,
    KEY,
    ROOT,
    SCHEDULE,
    decisions_of,
    due_person,
    instance_at,
    materialized,
    outbox,
    run_job,
    this_hour,
    told,
)
from ige_pipeline_tests.delivery.fakes import awake
from ige_pipeline_tests.delivery.loopback import Receiver
from ige_pipeline_tests.delivery.outboxes import message, waiting
from ige_pipeline_tests.factories import ago, make_contractor, make_goal, make_item, one

# As deploy/dagster.yaml says it, which is production's.
IN_PRODUCTION = dict(load_run_config_yaml((ROOT / "deploy" / "dagster.yaml").read_text(encoding="utf-8")))
LOGS_AS_JSON = {"python_logs": IN_PRODUCTION["python_logs"]}


def test_who_is_due_is_decided_scheduled_and_delivered_and_each_hour_tells_it(
    conn: Connection, instance: dg.DagsterInstance, receiver: Receiver
) -> None:
    people = [due_person(conn) for _ in range(3)]
    due_person(conn, ai_proactive_paused=True)
    hour = this_hour()

    decided = run_job(SCHEDULE, instance, partition=hour)
    delivered = run_job(DELIVER, instance)

    assert decided.success
    assert delivered.success
    # Several slots post at once: which of them arrives first is nobody's to say.
    assert sorted(body["contractor_id"] for _, body in receiver.posts) == people
    assert [row["sent_at"] is not None for row in outbox(conn)] == [True] * 3
    scheduled = materialized(decided)
    assert set(scheduled) == {("trigger_decisions", hour), ("scheduled_messages", hour)}
    assert scheduled["trigger_decisions", hour]["verdict/scheduled"] == 3
    assert scheduled["trigger_decisions", hour]["verdict/blocked"] == 1
    assert scheduled["scheduled_messages", hour]["scheduled"] == 3
    assert scheduled["trigger_decisions", hour]["reason/paused"] == 1
    assert scheduled["trigger_decisions", hour]["candidates"] == 4
    assert "| high_priority_goal | 4 | blocked 1, scheduled 3 |" in scheduled["trigger_decisions", hour]["triggers"]
    assert f"`ige why {people[0]} --message " in scheduled["scheduled_messages", hour]["messages"]
    assert set(materialized(delivered)) == {("delivered_messages", hour), ("outbox", None)}
    assert materialized(delivered)["delivered_messages", hour]["delivered"] == 3
    assert materialized(delivered)["delivered_messages", hour]["messages/waiting"] == 0
    assert materialized(delivered)["outbox", None]["unsent"] == 0


@pytest.mark.filterwarnings("ignore:Handling yaml-defined logging configuration is currently in beta")
def test_counts_are_numbers_and_neither_numbers_nor_texts_are_told_to_dagster(
    conn: Connection, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    due_person(conn, phone="+12125550188")
    make_text = "A text of another program that nobody else may read"
    waiting(conn, message_content=make_text)
    waiting(conn, message_content="Too bad, this number is none", priority=99)
    conn.execute("UPDATE contractors SET phone = '0188-5550-9' WHERE id = (SELECT max(id) FROM contractors)")

    with dg.DagsterInstance.ephemeral(settings=LOGS_AS_JSON) as instance:
        results = [run_job(SCHEDULE, instance), run_job(DELIVER, instance)]
        kept = "".join(told(instance, result.run_id) for result in results)

    said = capfd.readouterr()
    lines = [json.loads(line) for line in said.err.splitlines() if line.startswith('{"at"')]
    everything = said.out + said.err + kept
    assert {"job": DELIVER, "run": results[1].run_id, "said": "Message 1, attempt 1: Delivered"}.items() <= next(
        line.items() for line in lines if line["said"].startswith("Message 1,")
    )
    texts = [row["message_content"] for row in outbox(conn)]
    phones = [row["phone"] for row in conn.execute("SELECT phone FROM contractors")]
    assert len(receiver.posts) == 2
    assert len(texts) == 3
    assert [secret for secret in [*texts, *phones] if secret in everything] == []
    assert "5550188" not in everything
    for result in results:
        for metadata in materialized(result).values():
            counts = [metadata[name] for name in metadata if "/" in name or name in {"delivered", "scheduled"}]
            assert {type(count) for count in counts} <= {int, float}


def test_in_review_mode_a_batch_succeeds_schedules_nothing_and_says_how_many_drafts_wait(
    conn: Connection, in_memory: dg.DagsterInstance
) -> None:
    due_person(conn)
    due_person(conn)

    result = run_job(SCHEDULE, in_memory, review_drafts=True)

    told_at_the_end = "".join(str(event) for event in result.events_for_node("schedule_messages"))
    assert result.success
    assert outbox(conn) == []
    assert "'drafts_waiting': IntMetadataValue(value=2)" in told_at_the_end


def test_a_dry_run_decides_and_explains_and_does_nothing(
    conn: Connection, in_memory: dg.DagsterInstance, receiver: Receiver
) -> None:
    due_person(conn)
    stale = waiting(conn, created_at=ago(days=2))
    fresh = waiting(conn)

    decided = run_job(SCHEDULE, in_memory, partition=this_hour(), dry_run=True)
    delivered = run_job(DELIVER, in_memory, dry_run=True)

    assert (decided.success, delivered.success) == (True, True)
    assert materialized(decided) == materialized(delivered) == {}
    assert receiver.posts == []
    assert [row["id"] for row in outbox(conn)] == [stale, fresh]
    assert message(conn, stale)["expired_at"] is None
    decision = one(conn.execute("SELECT verdict, dry_run, message_id FROM ige_decisions"))
    assert decision == {"verdict": "scheduled", "dry_run": True, "message_id": None}


def test_the_second_webhook_variable_is_taken_where_the_first_is_not_set(
    conn: Connection, in_memory: dg.DagsterInstance, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(conn)
    monkeypatch.setenv("N8N_OUTBOUND_WEBHOOK_URL", "")
    monkeypatch.setenv("N8N_WEBHOOK_URL", receiver.url)

    assert run_job(DELIVER, in_memory).success
    assert len(receiver.posts) == 1


def test_a_backfill_of_three_hours_explains_each_and_schedules_nothing_twice(
    conn: Connection, in_memory: dg.DagsterInstance
) -> None:
    for _ in range(2):
        due_person(conn)
    hours = [this_hour(back) for back in (3, 2, 1)]

    results = [run_job(SCHEDULE, in_memory, partition=hour) for hour in hours]
    results.append(run_job(SCHEDULE, in_memory, partition=hours[0]))

    assert [result.success for result in results] == [True] * 4
    assert len(outbox(conn)) == 2
    told_hours = {partition for result in results for _asset, partition in materialized(result)}
    assert told_hours == set(hours)
    query = "SELECT as_of, partition_key FROM ige_batches ORDER BY id"
    assert [row["as_of"].strftime(KEY) for row in conn.execute(query)] == [*hours, hours[0]]


def test_one_batch_finds_what_all_missed_hours_would_have_found_and_those_add_nothing(
    conn: Connection, in_memory: dg.DagsterInstance
) -> None:
    """After downtime Dagster starts the newest hour alone: triggers read how things are, not what an hour brought."""
    for hours_ago in (3, 2, 1):
        person = make_contractor(conn, timezone=awake())
        done = {"status": "completed", "completed_at": ago(hours=hours_ago), "updated_at": ago(hours=hours_ago)}
        make_item(conn, make_goal(conn, person, priority_score=1), **done)

    newest = run_job(SCHEDULE, in_memory, partition=this_hour())
    missed = [run_job(SCHEDULE, in_memory, partition=this_hour(back)) for back in (2, 1)]

    assert all(result.success for result in [newest, *missed])
    assert [row["trigger_name"] for row in outbox(conn)] == ["milestone_achieved"] * 3


def test_an_hour_of_long_ago_is_explained_and_not_sent(
    conn: Connection, in_memory: dg.DagsterInstance, receiver: Receiver
) -> None:
    due_person(conn)

    result = run_job(SCHEDULE, in_memory, partition=this_hour(back=23 + 24))

    assert result.success
    assert outbox(conn) == []
    assert one(conn.execute("SELECT verdict FROM ige_decisions"))["verdict"] in {"expired", "blocked"}
    assert receiver.posts == []


def test_both_jobs_run_through_the_production_instance_on_postgres(
    conn: Connection,
    receiver: Receiver,
    empty_database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    due_person(conn)
    url = empty_database_url.replace("postgresql://", "postgres://")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)

    with instance_at(tmp_path / "home", ROOT / "deploy" / "dagster.yaml") as production_instance:
        results = [run_job(SCHEDULE, production_instance, partition=this_hour()), run_job(DELIVER, production_instance)]
        kept = {run.job_name: run.status for run in production_instance.get_runs()}
        latest = production_instance.get_latest_materialization_event(dg.AssetKey("delivered_messages"))

    assert [result.success for result in results] == [True, True]
    assert kept == {SCHEDULE: dg.DagsterRunStatus.SUCCESS, DELIVER: dg.DagsterRunStatus.SUCCESS}
    assert latest is not None
    assert len(receiver.posts) == 1
    assert json.loads(json.dumps(receiver.posts[0][1])).keys() == {
        "phone", "message", "contractor_id", "message_type", "message_id", "contractor_name", "ai_reasoning",
    }  # fmt: skip


def test_all_checks_can_be_asked_by_hand_in_dagster(conn: Connection, in_memory: dg.DagsterInstance) -> None:
    waiting(conn, created_at=ago(hours=3))

    result = build_definitions().resolve_implicit_global_asset_job_def().execute_in_process(instance=in_memory)

    found = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert {name for name, each in found.items() if not each.passed} == {"oldest_due"}
    assert found["oldest_due"].metadata["value"].value == pytest.approx(180, abs=1)
    assert found["oldest_due"].metadata["limit"].value == 120


def test_a_large_batch_is_decided_by_shards_as_it_would_be_whole(
    conn: Connection, in_memory: dg.DagsterInstance, receiver: Receiver
) -> None:
    assert receiver
    people = [due_person(conn, phone=None if number == 2 else "+12125550100") for number in range(5)]

    whole = run_job(SCHEDULE, in_memory, dry_run=True)
    split = run_job(SCHEDULE, in_memory, dry_run=True, shard_size=2)

    assert whole.success
    assert split.success
    assert steps_of(whole) == FIVE
    shards = [f"contractors_first_to_{people[1]}", f"contractors_{people[1] + 1}_to_{people[3]}"]
    shards.append(f"contractors_{people[3] + 1}_to_last")
    assert [step for step in steps_of(split) if "recipients_shard" in step] == [
        f"screen_recipients_shard[{shard}]" for shard in shards
    ]
    assert [step for step in steps_of(split) if not step.endswith("]")] == FIVE
    one, other = (decisions_of(conn, result.run_id) for result in (whole, split))
    assert one == other
    assert len(one) == 5


FIVE = ["evaluate_triggers", "screen_recipients", "generate_messages", "screen_content", "schedule_messages"]


def steps_of(result: dg.ExecuteInProcessResult) -> list[str]:
    return [event.step_key or "" for event in result.all_events if event.is_step_success]
