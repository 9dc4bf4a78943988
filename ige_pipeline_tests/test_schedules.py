"""When each job runs by itself, and when it does not."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._utils.tags import TagConcurrencyLimitsCounter

from ige_pipeline.definitions import build_definitions
from ige_pipeline.sensors import PROMISED
from ige_pipeline_tests.dagster_instances import DELIVER, SCHEDULE, instance_at

HOURLY, EVERY_5_MINUTES = "schedule_messages_hourly", "deliver_messages_every_5_minutes"
TWO = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
repository = build_definitions().get_repository_def()


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


@pytest.mark.parametrize("on", [True, False])
def test_schedules_run_from_the_start_only_where_they_are_switched_on(*, on: bool) -> None:
    expected = dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED
    schedules = build_definitions(schedules_on=on).get_repository_def().schedule_defs

    assert {schedule.default_status for schedule in schedules} == {expected}
