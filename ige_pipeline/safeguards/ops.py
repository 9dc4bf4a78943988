"""Dagster glue of this room: screen the recipients before texts are written, and then the texts."""

import dagster as dg

from ige_pipeline.postgres.lanes import lanes_of
from ige_pipeline.run_request import RunRequest
from ige_pipeline.stage import DatabaseSource, ModelSource, batch_of, counts_as_metadata, stage_op


@stage_op(kinds={"postgres", "pandas"})
def screen_recipients(
    context: dg.OpExecutionContext, request: dg.ResourceParam[RunRequest], database: dg.ResourceParam[DatabaseSource]
) -> None:
    """Ask every safeguard about every candidate, and let one message for each contractor win.

    All reasons are kept, each with what was seen and the limit. What cannot be evaluated blocks.
    """
    from ige_pipeline.safeguards import screen  # noqa: PLC0415 - pandas costs a second; a delivery run never needs this

    settings, needed = request.settings(), request.consent_needed()
    with lanes_of(database(), settings.batch_connections) as (conn, *beside):
        batch = batch_of(conn, context)
        screen.screen_recipients(conn, batch, settings, consent_needed=needed, beside=beside)
        verdicts, reasons = screen.count_verdicts(conn, batch), screen.count_reasons(conn, batch)
    context.add_output_metadata(counts_as_metadata("verdict", verdicts) | counts_as_metadata("reason", reasons))
    context.log.info("Batch %d: %s, because of %s", batch.id, verdicts, reasons)


@stage_op(kinds={"postgres", "openai"})
def screen_content(
    context: dg.OpExecutionContext,
    request: dg.ResourceParam[RunRequest],
    database: dg.ResourceParam[DatabaseSource],
    model: dg.ResourceParam[ModelSource],
) -> None:
    """Check every text: its length, its segments, and that it says nothing that was not given.

    Where the model's text fails it gets one more try, with the reasons. What still fails is replaced from the
    templates; where none fits either, the decision is `rejected`.
    """
    from ige_pipeline.generation import generate, template  # noqa: PLC0415 - only where texts are written
    from ige_pipeline.safeguards import review, screen, second_try  # noqa: PLC0415 - as above

    with database().connect() as conn:
        batch = batch_of(conn, context)
        settings = request.settings()
        second_try.ask_again(conn, batch, settings, model=model(settings))
        review.screen_content(conn, batch, settings, templates=template.of(settings))
        verdicts, written = screen.count_verdicts(conn, batch), generate.count_drafts(conn, batch)
    context.add_output_metadata(counts_as_metadata("verdict", verdicts) | counts_as_metadata("drafts", written))
    context.log.info("Batch %d after the check of its texts: %s", batch.id, verdicts)
