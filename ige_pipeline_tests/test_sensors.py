"""What starts a job between its hours."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import dagster as dg
import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from ige_pipeline.delivery.breaker import resume
from ige_pipeline.delivery.due import _QUERIES, due_messages, due_promises
from ige_pipeline.delivery.life import OWNER_CLASS
from ige_pipeline.delivery.switches import set_stop
from ige_pipeline.postgres.connection import Connection, Database
from ige_pipeline.refusal import Refusal
from ige_pipeline.sensors import build_sensors
from ige_pipeline.settings import Settings
from ige_pipeline.watch.judge import CHECKS
from ige_pipeline_tests.delivery.fakes import awake
from ige_pipeline_tests.delivery.outboxes import claimed, outbox_on
from ige_pipeline_tests.factories import ago, fetch, insert, make_batch, make_contractor, make_decision, make_message

Tick = Callable[[str], dg.RunRequest | dg.SkipReason]


@pytest.fixture
def tick(database_url: str) -> Tick:
    sensors = {
        sensor.name: sensor
        for sensor in build_sensors(on=True, database=lambda: Database(database_url), settings=Settings)
    }
    instance = dg.DagsterInstance.ephemeral()

    def once(name: str) -> dg.RunRequest | dg.SkipReason:
        context = dg.build_sensor_context(instance=instance)
        return cast("dg.RunRequest | dg.SkipReason", sensors[name](context))

    return once


def make_follow_up(conn: Connection) -> int:
    row = {"contractor_id": make_contractor(conn), "scheduled_time": ago(minutes=1), "status": "scheduled"}
    return insert(conn, "contractor_followup_schedules", row)


def test_nothing_due_starts_nothing(conn: Connection, tick: Tick) -> None:
    make_message(conn, make_contractor(conn), not_before=ago(hours=-1))
    insert(conn, "contractor_followup_schedules", {"scheduled_time": ago(hours=-1), "status": "scheduled"})

    assert isinstance(tick("unsent_messages_sensor"), dg.SkipReason)
    assert isinstance(tick("due_messages_sensor"), dg.SkipReason)


def test_a_message_that_can_leave_starts_one_delivery_run_until_something_changes(conn: Connection, tick: Tick) -> None:
    message = make_message(conn, make_contractor(conn))

    first, second = tick("unsent_messages_sensor"), tick("unsent_messages_sensor")
    assert isinstance(first, dg.RunRequest)
    assert first.tags["dagster/max_runtime"] == "600"
    conn.execute("UPDATE ai_proactive_messages SET attempts = 1 WHERE id = %s", [message])
    third = tick("unsent_messages_sensor")

    assert isinstance(first, dg.RunRequest)
    assert isinstance(third, dg.RunRequest)
    assert first == second
    assert first.run_key != third.run_key


def test_nothing_is_started_while_all_sending_is_stopped(conn: Connection, tick: Tick) -> None:
    make_message(conn, make_contractor(conn))
    set_stop(conn, on=True, reason="wrong texts", who="test")

    skipped = tick("unsent_messages_sensor")

    assert isinstance(skipped, dg.SkipReason)
    assert "All sending is stopped (wrong texts)" in (skipped.skip_message or "")


def test_what_a_stop_or_an_open_circuit_kept_gets_a_run_of_its_own_when_that_is_over(
    conn: Connection, tick: Tick
) -> None:
    make_message(conn, make_contractor(conn))
    conn.execute("INSERT INTO ige_circuits (endpoint) VALUES ('host:1')")
    asked = [tick("unsent_messages_sensor")]
    set_stop(conn, on=True, reason="wrong texts", who="test")
    set_stop(conn, on=False, reason=None, who="test")
    asked.append(tick("unsent_messages_sensor"))
    conn.execute("UPDATE ige_circuits SET state = 'open', reason = 'http_404', opened_at = now(), "
                 "probe_at = now() + interval '30 seconds'")  # fmt: skip
    resume(conn, "host:1", who="test")
    asked.append(tick("unsent_messages_sensor"))

    assert all(isinstance(each, dg.RunRequest) for each in asked)
    assert len({each.run_key for each in asked if isinstance(each, dg.RunRequest)}) == 3


@pytest.mark.parametrize("name", ["unsent_messages_sensor", "due_messages_sensor"])
def test_a_tick_that_finds_nothing_asks_one_question(database_url: str, name: str) -> None:
    asked: list[str] = []

    class Counting(psycopg.Connection[DictRow]):
        def execute(self, query: Any, *args: Any, **kwargs: Any) -> psycopg.Cursor[DictRow]:
            asked.append(str(query))
            return super().execute(query, *args, **kwargs)

    class Watched(Database):
        @contextmanager
        def connect(self) -> Iterator[Connection]:
            with Counting.connect(self.url, autocommit=True, row_factory=dict_row) as conn:
                yield conn

    sensors = build_sensors(on=True, database=lambda: Watched(database_url), settings=Settings)
    (sensor,) = [each for each in sensors if each.name == name]

    skipped = sensor(dg.build_sensor_context(instance=dg.DagsterInstance.ephemeral()))

    assert isinstance(skipped, dg.SkipReason)
    assert len(asked) == 1


def test_that_question_is_answered_by_the_index_of_what_is_due(conn: Connection) -> None:
    conn.execute(
        "INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, sent_at, sent_by_us) "
        "SELECT 1, 'check_in', 'Hi', now(), true FROM generate_series(1, 5000)"
    )
    conn.execute("ANALYZE ai_proactive_messages")

    (row,) = conn.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + _QUERIES["due_messages"],
                           {"at_most": 100, "lock_class": OWNER_CLASS}).fetchall()  # fmt: skip

    assert "Index Scan" in str(row["QUERY PLAN"][0]["Plan"])
    assert row["QUERY PLAN"][0]["Plan"]["Shared Hit Blocks"] < 30, "Five thousand that were sent are not looked at."


def test_what_is_leased_is_due_again_once_its_lease_is_over_whoever_still_holds_a_lock(
    conn: Connection, database_url: str
) -> None:
    message = make_message(conn, make_contractor(conn, timezone=awake()))
    with outbox_on(database_url) as outbox:
        assert claimed(outbox).message_id == message
        held = due_messages(conn).due
        conn.execute("UPDATE ai_proactive_messages SET lease_expires_at = now() WHERE id = %s", [message])

        assert (held, due_messages(conn).due) == (0, 1)


def test_a_database_that_was_never_migrated_is_said_to_be_so(empty_database_url: str) -> None:
    sensor = build_sensors(on=True, database=lambda: Database(empty_database_url), settings=Settings)[0]

    skipped = sensor(dg.build_sensor_context(instance=dg.DagsterInstance.ephemeral()))

    assert skipped == dg.SkipReason("The database has never been migrated: run `ige migrate`.")


def test_a_promise_that_falls_due_starts_a_batch_of_the_promised_triggers_alone(conn: Connection, tick: Tick) -> None:
    make_follow_up(conn)

    asked = tick("due_messages_sensor")

    assert isinstance(asked, dg.RunRequest)
    assert asked.run_config["resources"]["request"]["config"]["triggers"] == ["event_message_due", "follow_up_due"]


def test_a_batch_of_promises_that_died_is_tried_again_within_five_minutes_and_not_at_each_tick(
    conn: Connection, tick: Tick
) -> None:
    make_follow_up(conn)
    found = due_promises(conn)
    begun = replace(found, asked_at=datetime(2026, 3, 29, 1, 45, tzinfo=UTC))

    asked = tick("due_messages_sensor")

    assert isinstance(asked, dg.RunRequest)
    assert (asked.run_key or "").startswith(f"promised-{found.fingerprint}-")
    seconds = {
        after: replace(begun, asked_at=begun.asked_at + timedelta(seconds=after)).again_in_a_while
        for after in (0, 299, 300)
    }
    assert seconds[0] == seconds[299] != seconds[300]


@pytest.mark.parametrize(("retry_in_hours", "started"), [(1, False), (-1, True)])
def test_a_promise_that_was_put_off_is_left_alone_until_its_time(
    conn: Connection, tick: Tick, *, retry_in_hours: int, started: bool
) -> None:
    follow_up = make_follow_up(conn)
    planned = fetch(conn, "contractor_followup_schedules", follow_up)["scheduled_time"].strftime("%Y-%m-%dT%H:%M:%S")
    make_decision(
        conn,
        make_batch(conn),
        1,
        promised=True,
        dedupe_key=f"follow_up_due:contractor_followup_schedules:{follow_up}:{planned}",
        verdict="blocked",
        decided_at=ago(hours=2),
        retry_at=ago(hours=-retry_in_hours),
        reasons='[{"reason": "paused"}]',
    )

    assert isinstance(tick("due_messages_sensor"), dg.RunRequest) is started


def test_a_database_that_is_gone_is_one_sentence_and_no_run() -> None:
    def gone() -> Database:
        raise Refusal("Postgres cannot be reached.")

    sensors = build_sensors(on=True, database=gone, settings=Settings)

    for sensor in sensors:
        if sensor.name == "alert_on_failure":
            continue  # it starts nothing; watch/test_tell.py
        assert sensor(dg.build_sensor_context(instance=dg.DagsterInstance.ephemeral())) == dg.SkipReason(
            "Postgres cannot be reached."
        )


@pytest.mark.parametrize("on", [True, False])
def test_sensors_run_only_where_schedules_do(*, on: bool) -> None:
    status = dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED

    assert {
        sensor.default_status for sensor in build_sensors(on=on, database=lambda: Database(""), settings=Settings)
    } == {status}


def test_the_checks_are_told_when_they_change_and_else_every_quarter_of_an_hour(
    conn: Connection, database_url: str
) -> None:
    sensors = build_sensors(on=True, database=lambda: Database(database_url), settings=Settings)
    (checks_sensor,) = [sensor for sensor in sensors if sensor.name == "checks_sensor"]

    def look(cursor: str | None) -> dg.SensorResult:
        context = dg.build_sensor_context(instance=dg.DagsterInstance.ephemeral(), cursor=cursor)
        return cast("dg.SensorResult", checks_sensor(context))

    first = look(None)
    second = look(first.cursor)
    make_message(conn, make_contractor(conn), created_at=ago(hours=3))
    third = look(second.cursor)
    long_ago = re.sub(r"[0-9.]{9,}", lambda found: str(float(found[0]) - 900), third.cursor or "")
    fourth = look(long_ago)

    told = [_told(tick) for tick in (first, second, third, fourth)]
    assert [len(each) for each in told] == [len(CHECKS), 0, 1, len(CHECKS)]
    assert told[2] == [("oldest_due", False)]
    assert isinstance(third.skip_reason, dg.SkipReason)
    assert "The oldest of 1 due messages could have left 180 min ago" in str(third.skip_reason.skip_message)


def _told(tick: dg.SensorResult) -> list[tuple[str, bool]]:
    return [(each.check_name, each.passed) for each in tick.asset_events if isinstance(each, dg.AssetCheckEvaluation)]
