"""Dagster glue of this room: open the batch, run every trigger, say what was found."""

import dagster as dg

from ige_pipeline.ledger.batch import open_batch
from ige_pipeline.postgres.lanes import lanes_of
from ige_pipeline.run_request import RunRequest
from ige_pipeline.stage import DatabaseSource, counts_as_metadata, root_run_id, stage_op
from ige_pipeline.triggers.evaluate import evaluate
from ige_pipeline.triggers.trigger import chosen


@stage_op(kinds={"postgres", "sql"}, first=True)
def evaluate_triggers(
    context: dg.OpExecutionContext, request: dg.ResourceParam[RunRequest], database: dg.ResourceParam[DatabaseSource]
) -> None:
    """Open the batch and record everyone who is due a message, and why.

    A partition's start is what triggers take for now; without a partition it is the database's now.
    """
    settings, triggers = request.settings(), chosen(request.triggers)
    with lanes_of(database(), settings.batch_connections) as (conn, *beside):
        request.require_sender(settings)
        batch = open_batch(
            conn,
            root_run_id=root_run_id(context),
            triggers=[trigger.name for trigger in triggers],
            settings=settings.model_dump(),
            as_of=context.partition_time_window.start if context.has_partition_key else request.moment(),
            partition_key=context.partition_key if context.has_partition_key else None,
            dry_run=request.dry_run,
        )
        found = evaluate(conn, batch, triggers, settings, beside=beside)
    context.add_output_metadata({"batch": batch.id, **counts_as_metadata("candidates", found)})
    context.log.info("Batch %d as of %s: %s", batch.id, batch.as_of.isoformat(), found)
