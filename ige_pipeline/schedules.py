"""When each job runs by itself: where IGE_SCHEDULES=on says so, so that no laptop texts by accident."""

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg
import psycopg

from ige_pipeline.delivery.due import due_messages
from ige_pipeline.delivery.forecast import ended_after_s
from ige_pipeline.jobs import deliver_messages_job, hours, housekeep_job, schedule_messages_job, track_outcomes_job
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings
from ige_pipeline.stage import DatabaseSource
from ige_pipeline.under_way import deliveries_under_way

# What waits in the queue behind a backfill of many hours would come too late.
BEFORE_BACKFILLS = {"dagster/priority": "1"}


def build_schedules(
    *, on: bool, database: DatabaseSource, settings: Callable[[], Settings] = Settings
) -> list[dg.ScheduleDefinition]:
    """Return all schedules, running from the start if `on`; whether all sending is stopped is asked of `database`."""
    status = dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        name="schedule_messages_hourly",
        job=schedule_messages_job,
        cron_schedule="0 * * * *",
        execution_timezone="UTC",
        default_status=status,
        description="Every full hour: the partition of the hour that begins.",
    )
    def hourly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        key = hours.get_partition_key_for_timestamp(context.scheduled_execution_time.timestamp())
        return dg.RunRequest(run_key=key, partition_key=key, tags=BEFORE_BACKFILLS)

    @dg.schedule(
        name="deliver_messages_every_5_minutes",
        job=deliver_messages_job,
        cron_schedule="*/5 * * * *",
        execution_timezone="UTC",
        default_status=status,
        description="Every five minutes, unless a delivery run is under way or all sending is stopped.",
    )
    def every_5_minutes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if deliveries_under_way(context.instance, database, now=datetime.now(UTC)):
            return dg.SkipReason("A delivery run is queued or under way; it takes what is due now, too.")
        if (stopped := _stopped(database)) is not None:
            return dg.SkipReason(stopped)
        key = context.scheduled_execution_time.isoformat(timespec="seconds")
        return dg.RunRequest(run_key=key, tags=ended_in_time(settings))

    daily = dg.ScheduleDefinition(
        name="housekeep_daily",
        job=housekeep_job,
        cron_schedule="40 3 * * *",
        execution_timezone="UTC",
        default_status=status,
        description="Every night: end what is older than it is kept.",
    )
    outcomes = dg.ScheduleDefinition(
        name="track_outcomes_hourly",
        job=track_outcomes_job,
        cron_schedule="30 * * * *",
        execution_timezone="UTC",
        default_status=status,
        description="Every hour: write down what became of messages.",
    )
    return [hourly, every_5_minutes, outcomes, daily]


def ended_in_time(settings: Callable[[], Settings]) -> dict[str, str]:
    """Return the tag by which Dagster ends a delivery run that hangs; what is malformed is told by the run itself."""
    try:
        return {"dagster/max_runtime": str(ended_after_s(settings()))}
    except Refusal:
        return {}


def _stopped(database: DatabaseSource) -> str | None:
    """Say so where a person stopped all sending: a run would fail, and tell that as trouble every five minutes.

    What cannot be asked is left to the run, whose failure is an alert.
    """
    try:
        with database().connect() as conn:
            found = due_messages(conn)
    except (Refusal, psycopg.Error):
        return None
    return None if found.stopped_because is None else found.why_nothing
