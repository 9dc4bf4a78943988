"""A delivery run whose machine died holds up no other, and one that lives is never taken for dead."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import cast

import dagster as dg
import pytest
from dagster._core.events.log import EventLogEntry

from ige_pipeline.definitions import build_definitions
from ige_pipeline.delivery.life import lives, show_life
from ige_pipeline.postgres.connection import Connection, Database, connect
from ige_pipeline.refusal import Refusal
from ige_pipeline.schedules import build_schedules
from ige_pipeline.sensors import build_sensors
from ige_pipeline.settings import Settings
from ige_pipeline.under_way import GONE, SILENT_FOR, deliveries_under_way
from ige_pipeline_tests.dagster_instances import DELIVER, instance_at
from ige_pipeline_tests.delivery.outboxes import outbox_on, waiting
from ige_pipeline_tests.factories import ago

TWO = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
LONG_AGO = SILENT_FOR + timedelta(seconds=30)
STARTED = dg.DagsterRunStatus.STARTED


def gone() -> Database:
    raise Refusal("Postgres cannot be reached.")


repository = build_definitions(database=gone).get_repository_def()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance on disk, for a schedule asks it again by its reference."""
    with instance_at(tmp_path_factory.mktemp("dagster")) as opened:
        yield opened


@pytest.fixture
def instance(kept: dg.DagsterInstance) -> dg.DagsterInstance:
    """The instance without any run."""
    for run in kept.get_runs():
        kept.delete_run(run.run_id)
    return kept


def make_run(
    instance: dg.DagsterInstance, *, silent_for: timedelta, status: dg.DagsterRunStatus = STARTED
) -> dg.DagsterRun:
    """Create a delivery run that has come as far as `status` and said something last so long ago."""
    run = instance.create_run_for_job(
        repository.get_job(DELIVER), status=status, tags=dict(repository.get_job(DELIVER).tags)
    )
    at = (datetime.now(UTC) - silent_for).timestamp()
    said = EventLogEntry(None, 20, "Message 1", run.run_id, at, job_name=DELIVER)  # type: ignore[no-untyped-call]
    instance.event_log_storage.store_event(said)
    return run


def status_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status.value


def sense(instance: dg.DagsterInstance, url: str, settings: Settings | None = None) -> dg.RunRequest | dg.SkipReason:
    """Let the sensor look once."""
    sensors = build_sensors(on=True, database=lambda: Database(url), settings=lambda: settings or Settings())
    (sensor,) = [each for each in sensors if each.name == "unsent_messages_sensor"]
    return cast("dg.RunRequest | dg.SkipReason", sensor(dg.build_sensor_context(instance=instance)))


def scheduled(instance: dg.DagsterInstance, url: str) -> int:
    """Return how many runs the schedule of every five minutes asks for."""
    schedules = build_schedules(on=True, database=lambda: Database(url))
    (every_5_minutes,) = [each for each in schedules if each.name == "deliver_messages_every_5_minutes"]
    context = dg.build_schedule_context(instance, TWO, repository_def=repository)
    return len(every_5_minutes.evaluate_tick(context).run_requests or [])


def test_a_run_whose_machine_died_is_marked_as_failed_and_the_next_one_starts(
    conn: Connection, database_url: str, instance: dg.DagsterInstance
) -> None:
    waiting(conn)
    dead = make_run(instance, silent_for=LONG_AGO)

    asked = sense(instance, database_url)

    assert isinstance(asked, dg.RunRequest)
    assert status_of(instance, dead) == "FAILURE"
    assert GONE in str(instance.get_records_for_run(dead.run_id, limit=1, ascending=False).records)


def test_the_schedule_does_so_as_well(database_url: str, instance: dg.DagsterInstance) -> None:
    dead = make_run(instance, silent_for=LONG_AGO)

    assert scheduled(instance, database_url) == 1
    assert status_of(instance, dead) == "FAILURE"


def test_one_that_holds_its_lock_lives_however_long_it_says_nothing(
    conn: Connection, database_url: str, instance: dg.DagsterInstance
) -> None:
    waiting(conn)
    run = make_run(instance, silent_for=timedelta(hours=1))

    with outbox_on(database_url, run_id=run.run_id):
        asked = sense(instance, database_url)
        assert scheduled(instance, database_url) == 0

    assert isinstance(asked, dg.SkipReason)
    assert status_of(instance, run) == "STARTED"


def test_one_that_said_something_a_moment_ago_lives(
    conn: Connection, database_url: str, instance: dg.DagsterInstance
) -> None:
    waiting(conn)
    run = make_run(instance, silent_for=SILENT_FOR - timedelta(seconds=30))

    assert isinstance(sense(instance, database_url), dg.SkipReason)
    assert status_of(instance, run) == "STARTED"


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED])
def test_one_that_has_not_started_is_left_to_dagsters_own_run_monitoring(
    conn: Connection, database_url: str, instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    waiting(conn)
    run = make_run(instance, silent_for=LONG_AGO, status=status)

    assert isinstance(sense(instance, database_url), dg.SkipReason)
    assert status_of(instance, run) == status.value


def test_where_postgres_cannot_be_asked_nobody_is_taken_for_dead(instance: dg.DagsterInstance) -> None:
    run = make_run(instance, silent_for=LONG_AGO)

    assert len(deliveries_under_way(instance, gone, now=datetime.now(UTC))) == 1
    assert status_of(instance, run) == "STARTED"


def test_a_run_lives_as_long_as_a_connection_of_it_does(conn: Connection, database_url: str) -> None:
    with outbox_on(database_url, run_id="one"), outbox_on(database_url, run_id="two"):
        assert (lives(conn, run_id="one"), lives(conn, run_id="three")) == (True, False)

    for _ in range(500):
        if not lives(conn, run_id="one"):
            return
        time.sleep(0.01)
    raise AssertionError("It lives for ever.")


def test_the_server_looks_after_a_run_whose_machine_lost_its_power(database_url: str) -> None:
    """Without these it would believe for two hours in a connection of which nobody says goodbye."""
    asked = (
        "tcp_keepalives_idle",
        "tcp_keepalives_interval",
        "tcp_keepalives_count",
        "client_connection_check_interval",
    )
    with connect(database_url) as own:
        show_life(own, run_id="one")
        rows = own.execute("SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", [list(asked)])
        found = {row["name"]: row["setting"] for row in rows}

    assert found == dict(zip(asked, ("10", "5", "3", "2000"), strict=True))


def test_the_next_run_waits_in_the_queue_when_more_is_due_than_the_one_under_way_takes(
    conn: Connection, database_url: str, instance: dg.DagsterInstance
) -> None:
    make_run(instance, silent_for=timedelta(0))
    asked = []
    for _ in range(3):
        waiting(conn)
        asked.append(sense(instance, database_url, Settings(max_messages_per_run=2)))

    assert [isinstance(each, dg.RunRequest) for each in asked] == [False, False, True]


def test_no_second_one_waits(conn: Connection, database_url: str, instance: dg.DagsterInstance) -> None:
    for _ in range(9):
        waiting(conn)
    make_run(instance, silent_for=timedelta(0))
    make_run(instance, silent_for=timedelta(0), status=dg.DagsterRunStatus.NOT_STARTED)

    assert isinstance(sense(instance, database_url, Settings(max_messages_per_run=1)), dg.SkipReason)


def test_more_than_a_hundred_are_counted_where_a_run_takes_more(
    conn: Connection, database_url: str, instance: dg.DagsterInstance
) -> None:
    conn.execute(
        "INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, trigger_name, created_at) "
        "SELECT n, 'check_in', 'Hi', 'test', %s FROM generate_series(1, 151) n", [ago(minutes=1)]
    )  # fmt: skip
    make_run(instance, silent_for=timedelta(0))

    assert isinstance(sense(instance, database_url, Settings(max_messages_per_run=150)), dg.RunRequest)
    assert isinstance(sense(instance, database_url, Settings(max_messages_per_run=151)), dg.SkipReason)


def test_what_a_run_that_died_a_moment_ago_left_behind_is_due_at_once(
    conn: Connection, database_url: str, instance: dg.DagsterInstance
) -> None:
    waiting(conn)
    with outbox_on(database_url) as outbox:
        outbox.claim()
        assert isinstance(sense(instance, database_url), dg.SkipReason)
    for _ in range(500):
        if not conn.execute("SELECT FROM pg_locks WHERE locktype = 'advisory'").rowcount:
            break
        time.sleep(0.01)

    assert isinstance(sense(instance, database_url), dg.RunRequest)
