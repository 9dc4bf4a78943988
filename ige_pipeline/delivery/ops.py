"""Dagster glue of this room: put a batch into the outbox; empty the outbox; say how it stands."""

import dagster as dg

from ige_pipeline.delivery import outbox, report
from ige_pipeline.delivery.circuit import fault_sentence, wait_sentence
from ige_pipeline.delivery.deliver import RefusalTaker, deliver, require_permission
from ige_pipeline.delivery.life import show_life
from ige_pipeline.ledger.batch import close_batch, explain_left_behind
from ige_pipeline.ledger.home import require_home
from ige_pipeline.run_request import RunRequest
from ige_pipeline.stage import DatabaseSource, EndpointSource, batch_of, counts_as_metadata, stage_op


@stage_op(kinds={"postgres"}, after=("start", "shards"))
def schedule_messages(
    context: dg.OpExecutionContext, request: dg.ResourceParam[RunRequest], database: dg.ResourceParam[DatabaseSource]
) -> None:
    """Put what passed every safeguard into the outbox, with `sent_at` NULL, and close the batch.

    Each row and its decision are written in one statement. A dry run says what it would have scheduled.
    """
    from ige_pipeline.delivery import held, schedule  # noqa: PLC0415 - a delivery run never needs this

    with database().connect() as conn:
        batch = batch_of(conn, context)
        scheduled = schedule.schedule_messages(conn, batch, request.settings())
        closed = close_batch(conn, batch)
        explain_left_behind(conn)
        rows = schedule.preview(conn, batch)
        drafts, waiting = held.count_of_batch(conn, batch), held.count_waiting(conn)
        told = report.of_batch(conn, batch, closed, rows, run_id=context.run_id, settings=request.settings())
        for materialization in told:
            context.log_event(materialization)
    context.add_output_metadata(
        {"scheduled": scheduled, "drafts_waiting": waiting} | counts_as_metadata("verdict", closed["counts"])
    )
    context.log.info("Batch %d: %s", batch.id, closed["counts"])
    within = request.settings().expire_after_hours
    schedule.require_not_held(batch, closed["counts"], within_hours=within, drafts=drafts)


@stage_op(kinds={"postgres"}, first=True)
def expire_stale(
    context: dg.OpExecutionContext,
    request: dg.ResourceParam[RunRequest],
    database: dg.ResourceParam[DatabaseSource],
    endpoint: dg.ResourceParam[EndpointSource],
) -> None:
    """End messages that did not leave in time, each with its reason.

    The webhook's settings are checked first: a run that cannot deliver touches no row.
    """
    settings = request.settings()
    endpoint(settings)
    with database().connect() as conn:
        show_life(conn, run_id=context.run_id)
        require_home(conn)
        now = outbox.standing(conn)
        require_permission(now, settings)
        stale = 0
        if not request.dry_run:
            stale = outbox.expire_stale(conn, settings, run_id=context.run_id, adopted=now.adopted)
    context.add_output_metadata({"expired": stale})


@stage_op(kinds={"postgres", "webhook"})
def deliver_messages(
    context: dg.OpExecutionContext,
    request: dg.ResourceParam[RunRequest],
    database: dg.ResourceParam[DatabaseSource],
    endpoint: dg.ResourceParam[EndpointSource],
    take_refusal: dg.ResourceParam[RefusalTaker],
) -> None:
    """Claim what is due, ask every safeguard again, post it to the webhook and settle it.

    Reports to the partition of every batch whose messages it delivered.
    """
    settings = request.settings()
    if request.dry_run:
        context.log.info("Dry run: nothing is claimed and nothing is sent.")
        return
    webhook = endpoint(settings)
    with database().connect() as conn:
        done = deliver(
            conn,
            webhook,
            settings,
            run_id=context.run_id,
            take_refusal=take_refusal,
            progress=lambda lease, outcome: context.log.info(
                "Message %d, attempt %d: %s", lease.message_id, lease.attempt, type(outcome).__name__
            ),
        )
        for materialization in report.of_delivery(conn, done, run_id=context.run_id, settings=settings):
            context.log_event(materialization)
    context.add_output_metadata({"posted": done.posted, **counts_as_metadata("outcome", dict(done.counts))})
    if done.circuit.limited:
        context.log.info("%s", wait_sentence(done.circuit, webhook.name))
    if done.fault is None:
        return
    sentence = fault_sentence(done.fault, webhook.name)
    if done.posted:
        raise dg.Failure(sentence, allow_retries=False)
    # Another run found it out and failed; this one touched nothing.
    context.log.warning("%s", sentence)
