"""A run that failed is an alert, told at once; the job's next success ends it."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import psycopg

from ige_pipeline.delivery.alert import end_alerts, raise_alert
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings
from ige_pipeline.stage import DatabaseSource
from ige_pipeline.watch.round import limits_of
from ige_pipeline.watch.tell import AlertTarget, target_of, tell
from ige_pipeline.watch.untold import Untold, UntoldAlerts

_QUERIES = load(__package__, "tell.sql")
_BATCH, _WHOLE = "ige/batch", "whole"
# There is one every five minutes; the newest few say enough.
_LOOKED_AT = 100


def build_failure_sensor(
    *,
    status: dg.DefaultSensorStatus,
    database: DatabaseSource,
    settings: Callable[[], Settings],
    alerts: AlertTarget,
    untold: UntoldAlerts,
) -> dg.SensorDefinition:
    """Return the sensor that hears of every failed run of ours; what it cannot write down it leaves in `untold`."""

    @dg.run_failure_sensor(
        minimum_interval_seconds=30,
        default_status=status,
        description="Writes down each failed run as an alert, and tells IGE_ALERT_WEBHOOK_URL, if that is set.",
    )
    def alert_on_failure(context: dg.RunFailureSensorContext) -> None:
        sentence, what = sentence_of(context), about(context.dagster_run)
        context.log.error("%s", sentence)
        try:
            with database().connect() as conn:
                raise_alert(conn, kind="run_failed", about=what, sentence=sentence)
                # Malformed settings are an alert of the checks; this one must not wait for them.
                said = tell(conn, target_of(alerts), limits_of(settings)[0])
        except (Refusal, psycopg.Error):
            untold.add(Untold(kind="run_failed", about=what, sentence=sentence))
            said = untold.tell(target_of(alerts))
        if said is not None:
            context.log.info("%s", said)

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
    """End the alert of each job that has succeeded since, in what failed."""
    for row in conn.execute(_QUERIES["failed_runs"]).fetchall():
        job, _, kind = row["about"].partition(" ")
        since = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS], updated_after=row["last_at"])
        if any(_proves(run, whole=not kind) for run in instance.get_runs(since, limit=_LOOKED_AT)):
            end_alerts(conn, about=row["about"])


def about(run: dg.DagsterRun) -> str:
    """Name what failed: a batch of promised triggers may fail, or succeed, while whole batches do not."""
    kind = run.tags.get(_BATCH, _WHOLE)
    return run.job_name if kind == _WHOLE else f"{run.job_name} ({kind})"


def _proves(run: dg.DagsterRun, *, whole: bool) -> bool:
    """Whether a success shows that what failed is over: no dry run does, nor a batch of a few triggers a whole one."""
    config: Any = run.run_config
    asked = config.get("resources", {}).get("request", {}).get("config", {})
    part = run.tags.get(_BATCH, _WHOLE) != _WHOLE or bool(asked.get("triggers"))
    return not asked.get("dry_run") and not (whole and part)
