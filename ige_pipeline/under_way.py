"""Which delivery runs are really under way: one whose machine died is at work for Dagster until its time is over.

Its launcher for one machine does not look after a run once it has started; only the process that started it would.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg

from ige_pipeline.delivery.life import lives
from ige_pipeline.jobs import deliver_messages_job
from ige_pipeline.refusal import Refusal
from ige_pipeline.stage import DatabaseSource

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
SILENT_FOR = timedelta(minutes=2)
"""A run that lives says something more often than this, or holds its lock. Between two ops it may do neither."""
GONE = "Its process is gone: no connection of it is left in Postgres. What it held is due again; the next run takes it."


def deliveries_under_way(
    instance: dg.DagsterInstance, database: DatabaseSource, *, now: datetime
) -> list[dg.DagsterRun]:
    """Return the delivery runs that wait or work. Those whose process is gone are marked as failed.

    Until then they would hold up others: the queue lets two start at a time.
    """
    filters = dg.RunsFilter(job_name=deliver_messages_job.name, statuses=UNDER_WAY)
    runs = instance.get_runs(filters)
    gone = {run.run_id for run in _gone(database, [run for run in runs if _silent(instance, run, now)])}
    for run in runs:
        # It may have ended while we looked.
        if run.run_id in gone and _started(instance.get_run_by_id(run.run_id)):
            instance.report_run_failed(run, GONE)
    return [run for run in runs if run.run_id not in gone]


def _silent(instance: dg.DagsterInstance, run: dg.DagsterRun, now: datetime) -> bool:
    """Whether a run that has started said nothing for so long. Run monitoring looks after what has not."""
    if not _started(run):
        return False
    newest = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
    return bool(newest) and now - datetime.fromtimestamp(newest[0].timestamp, UTC) > SILENT_FOR


def _gone(database: DatabaseSource, silent: Sequence[dg.DagsterRun]) -> list[dg.DagsterRun]:
    """Return those of which Postgres knows no connection any more; none where it cannot be asked."""
    if not silent:
        return []
    try:
        with database().connect() as conn:
            return [run for run in silent if not lives(conn, run_id=run.run_id)]
    except (Refusal, psycopg.Error):
        return []


def _started(run: dg.DagsterRun | None) -> bool:
    return run is not None and run.status is dg.DagsterRunStatus.STARTED
