"""A run that failed is an alert, told at once; the job's next success ends it."""

from collections.abc import Callable

import dagster as dg
import psycopg

from ige_pipeline.delivery.alert import end_alerts, raise_alert
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings
from ige_pipeline.stage import DatabaseSource
from ige_pipeline.watch.tell import AlertTarget, tell, tell_directly

_QUERIES = load(__package__, "tell.sql")


def build_failure_sensor(
    *, status: dg.DefaultSensorStatus, database: DatabaseSource, settings: Callable[[], Settings], alerts: AlertTarget
) -> dg.SensorDefinition:
    """Return the sensor that hears of every failed run of ours."""

    @dg.run_failure_sensor(
        minimum_interval_seconds=30,
        default_status=status,
        description="Writes down each failed run as an alert, and tells IGE_ALERT_WEBHOOK_URL, if that is set.",
    )
    def alert_on_failure(context: dg.RunFailureSensorContext) -> None:
        sentence = sentence_of(context)
        context.log.error("%s", sentence)
        try:
            with database().connect() as conn:
                raise_alert(conn, kind="run_failed", about=context.dagster_run.job_name, sentence=sentence)
                tell(conn, alerts(), settings())
        except (Refusal, psycopg.Error):
            # Without Postgres nobody can count how often was told; too often is better than never.
            why_not = tell_directly(alerts(), kind="run_failed", about=context.dagster_run.job_name, sentence=sentence)
            if why_not is not None:
                context.log.error("%s", why_not)  # noqa: TRY400 - Postgres' own words may hold anything

    return alert_on_failure


def sentence_of(context: dg.RunFailureSensorContext) -> str:
    """Say what failed in our own words; of an error that is not ours only the name, for its text may hold anything."""
    failed = [
        (event.step_key, event.step_failure_data.user_failure_data, event.step_failure_data.error)
        for event in context.get_step_failure_events()
    ]
    job, run_id = context.dagster_run.job_name, context.dagster_run.run_id
    if not failed:
        return f"{job} failed outside of its steps, as when its process is lost or ended (run {run_id[:8]})."
    step, ours, error = failed[0]
    cause = (error.cause or error).cls_name if error is not None else "unknown"
    why = ours.description if ours is not None and ours.description else str(cause)
    return f"{job} failed in {step} (run {run_id[:8]}): {why.rstrip('.')}."


def end_of_failures(conn: Connection, instance: dg.DagsterInstance) -> None:
    """End the alert of each job that has succeeded since."""
    for row in conn.execute(_QUERIES["failed_runs"]).fetchall():
        succeeded = dg.RunsFilter(
            job_name=row["about"], statuses=[dg.DagsterRunStatus.SUCCESS], updated_after=row["last_at"]
        )
        if instance.get_runs_count(succeeded) > 0:
            end_alerts(conn, about=row["about"])
