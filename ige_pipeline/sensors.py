"""What starts a job between its hours: a promise that falls due, and messages that could leave now."""

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg
import psycopg

from ige_pipeline.delivery.due import Due, due_messages, due_promises
from ige_pipeline.delivery.forecast import LOOKS_EVERY_S
from ige_pipeline.jobs import deliver_messages_job, schedule_messages_job
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.refused import refused_sentence
from ige_pipeline.postgres.schema import require_schema
from ige_pipeline.refusal import Refusal
from ige_pipeline.schedules import BEFORE_BACKFILLS, ended_in_time
from ige_pipeline.settings import Settings
from ige_pipeline.stage import DatabaseSource
from ige_pipeline.triggers.trigger import load_all
from ige_pipeline.under_way import UNDER_WAY, deliveries_under_way
from ige_pipeline.watch.failure import build_failure_sensor
from ige_pipeline.watch.sensor import build_checks_sensor
from ige_pipeline.watch.tell import AlertTarget
from ige_pipeline.watch.untold import UntoldAlerts

PROMISED = {"ige/batch": "promised"}


def build_sensors(
    *, on: bool, database: DatabaseSource, settings: Callable[[], Settings], alerts: AlertTarget = lambda: None
) -> list[dg.SensorDefinition]:
    """Return all sensors, running from the start if `on`; a tick that finds nothing asks `database` one question."""
    status = dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        job=deliver_messages_job,
        minimum_interval_seconds=LOOKS_EVERY_S,
        default_status=status,
        description="Starts a delivery run while more is due than those at work may take; two work at once.",
    )
    def unsent_messages_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        going = deliveries_under_way(context.instance, database, now=datetime.now(UTC))
        if any(run.status is not dg.DagsterRunStatus.STARTED for run in going):
            return dg.SkipReason("A delivery run waits already; it takes what is due now, too.")
        try:
            taken = len(going) * settings().max_messages_per_run if going else 0
        except Refusal as refusal:
            return dg.SkipReason(str(refusal))
        found = _look(database, lambda conn: due_messages(conn, beyond=taken))
        if isinstance(found, Due) and found.due <= taken:
            return dg.SkipReason("What is under way takes all that is due.")
        if isinstance(found, dg.SkipReason):
            return found
        return dg.RunRequest(run_key=f"due-{found.fingerprint}", tags=ended_in_time(settings))

    @dg.sensor(
        job=schedule_messages_job,
        minimum_interval_seconds=LOOKS_EVERY_S,
        default_status=status,
        description="Starts a batch of the promised triggers alone when a follow-up or event message falls due.",
    )
    def due_messages_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        filters = dg.RunsFilter(job_name=schedule_messages_job.name, statuses=UNDER_WAY, tags=PROMISED)
        if context.instance.get_runs_count(filters) > 0:
            return dg.SkipReason("Such a run is queued or under way.")
        found = _look(database, due_promises)
        if isinstance(found, dg.SkipReason):
            return found
        only = [trigger.name for trigger in load_all() if trigger.promised]
        config = {"resources": {"request": {"config": {"triggers": only}}}}
        return dg.RunRequest(
            run_key=f"promised-{found.again_in_a_while}", run_config=config, tags=PROMISED | BEFORE_BACKFILLS
        )

    untold = UntoldAlerts()
    watching = [
        build(status=status, database=database, settings=settings, alerts=alerts, untold=untold)
        for build in (build_checks_sensor, build_failure_sensor)
    ]
    return [unsent_messages_sensor, due_messages_sensor, *watching]


def _look(database: DatabaseSource, ask: Callable[[Connection], Due]) -> Due | dg.SkipReason:
    try:
        with database().connect() as conn:
            found = _asked(conn, ask)
    except Refusal as refusal:
        return dg.SkipReason(str(refusal))
    except psycopg.Error as error:
        return dg.SkipReason(refused_sentence(error))
    return found if found.due else dg.SkipReason(found.why_nothing)


def _asked(conn: Connection, ask: Callable[[Connection], Due]) -> Due:
    """Only a database that does not know the question is asked for its schema: each tick asks one thing."""
    try:
        return ask(conn)
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction):
        require_schema(conn)
        raise
