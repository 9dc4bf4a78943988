"""Dagster glue of this room: write a text for everyone who may be contacted."""

import dagster as dg

from ige_pipeline.run_request import RunRequest
from ige_pipeline.stage import DatabaseSource, ModelSource, batch_of, counts_as_metadata, stage_op


@stage_op(kinds={"postgres", "openai"}, after=("start", "shards"))
def generate_messages(
    context: dg.OpExecutionContext,
    request: dg.ResourceParam[RunRequest],
    database: dg.ResourceParam[DatabaseSource],
    model: dg.ResourceParam[ModelSource],
) -> None:
    """Write a text for every candidate that may be contacted: by the model when a key is set, else from the templates.

    Each text is kept the moment it exists; a repeated run writes only what is missing.
    """
    from ige_pipeline.generation import generate, template  # noqa: PLC0415 - only where texts are written

    with database().connect() as conn:
        batch = batch_of(conn, context)
        settings = request.settings()
        templates, writer = template.of(settings), model(settings)
        generate.generate_messages(conn, batch, settings, templates=templates, model=writer)
        written = generate.count_drafts(conn, batch)
    context.add_output_metadata(counts_as_metadata("drafts", written))
    context.log.info("Batch %d: drafts %s", batch.id, written)
