"""Dagster glue of this room: once an hour, write down what became of messages."""

import dagster as dg

from ige_pipeline.inbound import outcomes
from ige_pipeline.run_request import RunRequest
from ige_pipeline.stage import DatabaseSource, stage_op


@stage_op(kinds={"postgres"}, first=True)
def track_outcomes(
    context: dg.OpExecutionContext, request: dg.ResourceParam[RunRequest], database: dg.ResourceParam[DatabaseSource]
) -> None:
    """Count what was done because of a message and what nobody answered, each once, and let trust move by it."""
    if request.dry_run:
        context.log.info("Dry run: nothing is written down.")
        return
    with database().connect() as conn:
        found = outcomes.track_outcomes(conn, request.settings())
    context.add_output_metadata(vars(found))
    context.log.info("Outcomes: %s", vars(found))
