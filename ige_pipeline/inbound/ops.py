"""Dagster glue of this room: once an hour, write down what became of messages, and have replies read."""

import dagster as dg

from ige_pipeline.run_request import RunRequest
from ige_pipeline.stage import DatabaseSource, ModelSource, counts_as_metadata, stage_op


@stage_op(kinds={"postgres"}, first=True)
def track_outcomes(
    context: dg.OpExecutionContext, request: dg.ResourceParam[RunRequest], database: dg.ResourceParam[DatabaseSource]
) -> None:
    """Count what was done because of a message and what nobody answered, each once, and let trust move by it."""
    if request.dry_run:
        context.log.info("Dry run: nothing is written down.")
        return
    # The words of replies, in six languages: a delivery run, which loads all jobs, need not read them.
    from ige_pipeline.inbound import outcomes  # noqa: PLC0415

    with database().connect() as conn:
        found = outcomes.track_outcomes(conn, request.settings())
    context.add_output_metadata(vars(found))
    context.log.info("Outcomes: %s", vars(found))


@stage_op(kinds={"postgres", "openai"})
def read_replies(
    context: dg.OpExecutionContext,
    request: dg.ResourceParam[RunRequest],
    database: dg.ResourceParam[DatabaseSource],
    model: dg.ResourceParam[ModelSource],
) -> None:
    """Have the model say what replies tell that no rule knows, where `replies_read_by_model` is set; else nothing."""
    settings = request.settings()
    if request.dry_run or not settings.replies_read_by_model:
        context.log.info("No model reads replies.")
        return
    from ige_pipeline.inbound import read_replies as reading  # noqa: PLC0415 - only where replies are read

    with database().connect() as conn:
        read = reading.read_replies(conn, settings, model=model(settings))
    context.add_output_metadata(counts_as_metadata("replies", dict(read)))
    context.log.info("Replies: %s", dict(read))
