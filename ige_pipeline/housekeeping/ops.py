"""Dagster glue of this room: once a day, end what is older than it is kept."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from ige_pipeline.housekeeping.ours import sizes, tidy
from ige_pipeline.run_request import RunRequest
from ige_pipeline.stage import DatabaseSource, counts_as_metadata, stage_op


@stage_op(kinds={"postgres"}, first=True)
def tidy_ledger(
    context: dg.OpExecutionContext, request: dg.ResourceParam[RunRequest], database: dg.ResourceParam[DatabaseSource]
) -> None:
    """Drop the days of the ledger that are older than `keep_decisions_days`, and what hangs on them.

    What led to a message stays as long as the message.
    """
    with database().connect() as conn:
        gone = {} if request.dry_run else tidy(conn, request.settings())
        left = sizes(conn)
    context.add_output_metadata(counts_as_metadata("gone", gone) | counts_as_metadata("left", left))
    context.log.info("Gone: %s; left: %s", gone, left)


@stage_op(kinds={"dagster"})
def prune_dagster(context: dg.OpExecutionContext, request: dg.ResourceParam[RunRequest]) -> None:
    """Take away Dagster's runs, events and logs that are older than `keep_runs_days`; what partitions show stays.

    Ticks are taken away by Dagster's daemon itself (`retention` in dagster.yaml).
    """
    from ige_pipeline.housekeeping.dagster_history import prune  # noqa: PLC0415 - Dagster's storage, needed here only

    # Dagster's machines stamp its events, not the database.
    before = datetime.now(UTC) - timedelta(days=request.settings().keep_runs_days)
    gone = {} if request.dry_run else prune(context.instance, before=before)
    context.add_output_metadata(counts_as_metadata("gone", gone))
    context.log.info("Gone of Dagster's history before %s: %s", before.isoformat(timespec="minutes"), gone)
