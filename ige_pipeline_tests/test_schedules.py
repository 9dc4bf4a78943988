"""When each job runs by itself, and when it does not."""

import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._core.test_utils import freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._scheduler.scheduler import launch_scheduled_runs
from dagster._utils.tags import TagConcurrencyLimitsCounter

from ige_pipeline.definitions import build_definitions
from ige_pipeline.delivery.switches import set_stop
from ige_pipeline.postgres.connection import Connection, Database
from ige_pipeline.refusal import Refusal
from ige_pipeline.schedules import build_schedules
from ige_pipeline.sensors import PROMISED
from ige_pipeline_tests.dagster_instances import DELIVER, SCHEDULE, instance_at

HOURLY, EVERY_5_MINUTES = "schedule_messages_hourly", "deliver_messages_every_5_minutes"
TWO = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


def gone() -> Database:
    raise Refusal("Postgres cannot be reached.")


repository = build_definitions(database=gone).get_repository_def()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """A schedule asks the instance again by its reference, which one in memory has not."""
    with instance_at(tmp_path_factory.mktemp("dagster")) as opened:
        yield opened


@pytest.fixture
def instance(kept: dg.DagsterInstance) -> dg.DagsterInstance:
    """The instance without any run."""
    for run in kept.get_runs():
        kept.delete_run(run.run_id)
    return kept


def tick(instance: dg.DagsterInstance, schedule: str, at: datetime = TWO) -> list[dg.RunRequest] | str:
    """Evaluate a schedule at a moment; return its requests, or why there are none."""
    context = dg.build_schedule_context(instance=instance, scheduled_execution_time=at, repository_def=repository)
    ticked = repository.get_schedule_def(schedule).evaluate_tick(context)
    return list(ticked.run_requests or []) or ticked.skip_message or ""


def make_run(instance: dg.DagsterInstance, job: str, status: str, **tags: str) -> None:
    """Create a run that has come as far as `status`. Dagster wants to know of a queued one where its code lies."""
    code = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("ige_pipeline.definitions"), repository.name)
    instance.create_run_for_job(
        repository.get_job(job),
        status=dg.DagsterRunStatus(status),
        remote_job_origin=RemoteJobOrigin(code, job),
        tags=dict(repository.get_job(job).tags) | tags,
    )


def read_limits(instance: dg.DagsterInstance) -> list[Any]:
    coordinator = instance.run_coordinator
    assert isinstance(coordinator, QueuedRunCoordinator)
    return list(coordinator.get_run_queue_config().tag_concurrency_limits)


def only(requests: list[dg.RunRequest] | str) -> dg.RunRequest:
    assert not isinstance(requests, str)
    (request,) = requests
    return request


def test_the_tick_of_an_hour_runs_that_hours_partition_once(instance: dg.DagsterInstance) -> None:
    request = only(tick(instance, HOURLY))

    assert (request.partition_key, request.run_key) == ("2026-11-23-14:00", "2026-11-23-14:00")
    assert request.tags["dagster/partition"] == "2026-11-23-14:00"


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 1, 6, 0, tzinfo=UTC),
        datetime(2027, 3, 14, 7, 0, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 0, tzinfo=UTC),
    ],
)
def test_hours_are_utc_and_change_with_no_clock(instance: dg.DagsterInstance, moment: datetime) -> None:
    assert only(tick(instance, HOURLY, moment)).partition_key == moment.strftime("%Y-%m-%d-%H:00")


def test_delivery_runs_every_five_minutes_and_each_tick_has_a_key_of_its_own(instance: dg.DagsterInstance) -> None:
    keys = [only(tick(instance, EVERY_5_MINUTES, TWO.replace(minute=minute))).run_key for minute in (0, 5, 5)]

    assert keys == ["2026-11-23T14:00:00+00:00", "2026-11-23T14:05:00+00:00", "2026-11-23T14:05:00+00:00"]


@pytest.mark.parametrize("status", ["QUEUED", "NOT_STARTED", "STARTING", "STARTED"])
def test_delivery_skips_while_a_run_of_it_is_queued_or_under_way(instance: dg.DagsterInstance, status: str) -> None:
    make_run(instance, DELIVER, status)

    assert tick(instance, EVERY_5_MINUTES) == "A delivery run is queued or under way; it takes what is due now, too."


@pytest.mark.parametrize("status", ["SUCCESS", "FAILURE", "CANCELED"])
def test_a_delivery_run_that_ended_holds_up_no_other(instance: dg.DagsterInstance, status: str) -> None:
    make_run(instance, DELIVER, status)

    assert only(tick(instance, EVERY_5_MINUTES))


def test_delivery_skips_while_all_sending_is_stopped(
    conn: Connection, database_url: str, instance: dg.DagsterInstance
) -> None:
    schedules = build_schedules(on=True, database=lambda: Database(database_url))
    (delivery,) = [each for each in schedules if each.name == EVERY_5_MINUTES]

    def ticked() -> Any:
        context = dg.build_schedule_context(instance, TWO, repository_def=repository)
        return delivery.evaluate_tick(context)

    set_stop(conn, on=True, reason="wrong texts", who="test")
    stopped = ticked()
    set_stop(conn, on=False, reason=None, who="test")
    on = ticked()

    assert (len(stopped.run_requests or []), len(on.run_requests or [])) == (0, 1)
    assert stopped.skip_message == "All sending is stopped (wrong texts): `ige start` lifts it."


@pytest.mark.parametrize(
    ("setting", "ended_after"),
    [("20", "600"), ("250", "1642"), ("many", None)],
)
def test_a_delivery_run_is_ended_after_what_its_settings_let_it_take(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, setting: str, ended_after: str | None
) -> None:
    """A setting that is malformed is told by the run, which has its job's own limit."""
    monkeypatch.setenv("IGE_MAX_MESSAGES_PER_RUN", setting)

    request = only(tick(instance, EVERY_5_MINUTES))

    assert request.tags.get("dagster/max_runtime") == ended_after
    assert repository.get_job(DELIVER).tags["dagster/max_runtime"] == "600"


def test_where_that_cannot_be_asked_a_run_says_why(instance: dg.DagsterInstance) -> None:
    assert only(tick(instance, EVERY_5_MINUTES))


def test_a_batch_under_way_holds_up_no_delivery(instance: dg.DagsterInstance) -> None:
    make_run(instance, SCHEDULE, "STARTED")

    assert only(tick(instance, EVERY_5_MINUTES))


def test_a_batch_waits_in_the_queue_for_the_one_before_it_and_one_of_promises_for_neither(
    instance: dg.DagsterInstance,
) -> None:
    for tags in ({"ige/batch": "whole"}, PROMISED):
        make_run(instance, SCHEDULE, "STARTED", **tags)
    under_way = [instance.get_runs()[1]]
    queue = TagConcurrencyLimitsCounter(read_limits(instance), under_way)

    waits = {kind: queue.is_blocked(run) for kind, run in zip(("promised", "whole"), instance.get_runs(), strict=True)}

    assert waits == {"promised": False, "whole": True}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # Dagster's own, of itself
def test_after_downtime_one_run_of_the_newest_hour_is_all_that_is_started(instance: dg.DagsterInstance) -> None:
    """By Dagster's own scheduler: what it starts in a daemon, once before four hours without one and once after."""
    began = TWO - timedelta(hours=4, minutes=30)
    code = LoadableTargetOrigin(executable_path=sys.executable, module_name="ige_pipeline.definitions")
    with WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(code))) as daemon:
        (location,) = daemon.create_request_context().code_locations
        with freeze_time(began):
            for schedule in next(iter(location.get_repositories().values())).get_schedules():
                instance.start_schedule(schedule)
        for at in (began, TWO):
            with freeze_time(at):
                assert not any(launch_scheduled_runs(daemon, logging.getLogger("scheduler"), at, iteration_times={}))

    started = [(run.job_name, run.tags.get("dagster/partition")) for run in instance.get_runs()]
    assert [partition for job, partition in started if job == SCHEDULE] == ["2026-11-23-14:00"]
    assert [job for job, _ in started].count("deliver_messages_job") == 1, "The one of before is still queued."


@pytest.mark.parametrize("on", [True, False])
def test_schedules_run_from_the_start_only_where_they_are_switched_on(*, on: bool) -> None:
    expected = dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED
    schedules = build_definitions(schedules_on=on).get_repository_def().schedule_defs

    assert {schedule.default_status for schedule in schedules} == {expected}
