"""Dagster glue of this room: screen the recipients before texts are written, and then the texts."""

import dagster as dg

from ige_pipeline.postgres.lanes import lanes_of
from ige_pipeline.run_request import RunRequest
from ige_pipeline.safeguards.span import span_of
from ige_pipeline.stage import DONE, DatabaseSource, ModelSource, Split, batch_of, counts_as_metadata, split, stage_op


@stage_op(kinds={"postgres", "pandas"}, splits=True)
def screen_recipients(
    context: dg.OpExecutionContext, request: dg.ResourceParam[RunRequest], database: dg.ResourceParam[DatabaseSource]
) -> Split:
    """Ask every safeguard about every candidate, and let one message for each contractor win.

    All reasons are kept, each with what was seen and the limit. What cannot be evaluated blocks. A batch larger than
    the setting `shard_size` is split instead, and each shard is a step of its own.
    """
    from ige_pipeline.safeguards import screen, shard  # noqa: PLC0415 - pandas costs a second; deliveries never need it

    settings, needed = request.settings(), request.consent_needed()
    with lanes_of(database(), settings.batch_connections) as (conn, *beside):
        batch = batch_of(conn, context)
        shards = shard.of_candidates(conn, batch, settings)
        if not shards:
            screen.screen_recipients(conn, batch, settings, consent_needed=needed, beside=beside)
        verdicts, reasons = screen.count_verdicts(conn, batch), screen.count_reasons(conn, batch)
    counts = counts_as_metadata("verdict", verdicts) | counts_as_metadata("reason", reasons)
    context.add_output_metadata(counts | {"shards": len(shards)}, output_name=DONE)
    context.log.info("Batch %d: %s, because of %s, in %d shards", batch.id, verdicts, reasons, len(shards))
    return split(shards)


@stage_op(kinds={"postgres", "pandas"}, after=("shard",))
def screen_recipients_shard(
    context: dg.OpExecutionContext, request: dg.ResourceParam[RunRequest], database: dg.ResourceParam[DatabaseSource]
) -> None:
    """Ask every safeguard about one shard of a large batch; all that a contractor could hear lies in one."""
    from ige_pipeline.safeguards import screen  # noqa: PLC0415 - as above

    settings, needed = request.settings(), request.consent_needed()
    within = span_of(context.get_mapping_key() or "")
    with lanes_of(database(), settings.batch_connections) as (conn, *beside):
        batch = batch_of(conn, context)
        screen.screen_recipients(conn, batch, settings, consent_needed=needed, beside=beside, within=within)


@stage_op(kinds={"postgres", "openai"}, splits=True)
def screen_content(
    context: dg.OpExecutionContext,
    request: dg.ResourceParam[RunRequest],
    database: dg.ResourceParam[DatabaseSource],
    model: dg.ResourceParam[ModelSource],
) -> Split:
    """Check every text: its length, its segments, and that it says nothing that was not given.

    Where the model's text fails it gets one more try, with the reasons. What still fails is replaced from the
    templates; where none fits either, the decision is `rejected`. The texts of a large batch are split into shards.
    """
    from ige_pipeline.generation import generate, template  # noqa: PLC0415 - only where texts are written
    from ige_pipeline.safeguards import review, screen, second_try, shard  # noqa: PLC0415 - as above

    with database().connect() as conn:
        batch = batch_of(conn, context)
        settings = request.settings()
        second_try.ask_again(conn, batch, settings, model=model(settings))
        shards = shard.of_texts(conn, batch, settings)
        if not shards:
            review.screen_content(conn, batch, settings, templates=template.of(settings))
        verdicts, written = screen.count_verdicts(conn, batch), generate.count_drafts(conn, batch)
    counts = counts_as_metadata("verdict", verdicts) | counts_as_metadata("drafts", written)
    context.add_output_metadata(counts | {"shards": len(shards)}, output_name=DONE)
    context.log.info("Batch %d after the check of its texts: %s, in %d shards", batch.id, verdicts, len(shards))
    return split(shards)


@stage_op(kinds={"postgres"}, after=("shard",))
def screen_content_shard(
    context: dg.OpExecutionContext, request: dg.ResourceParam[RunRequest], database: dg.ResourceParam[DatabaseSource]
) -> None:
    """Check the texts of one shard of a large batch, and replace those that fail from the templates."""
    from ige_pipeline.generation import template  # noqa: PLC0415 - as above
    from ige_pipeline.safeguards import review  # noqa: PLC0415 - as above

    settings, within = request.settings(), span_of(context.get_mapping_key() or "")
    with database().connect() as conn:
        batch = batch_of(conn, context)
        review.screen_content(conn, batch, settings, templates=template.of(settings), within=within)
