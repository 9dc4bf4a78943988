"""`ige run schedule`, `ige run deliver` and `ige preview`: the two jobs by hand."""

from datetime import datetime

import click

from ige_pipeline.by_hand import deliver_once, schedule_batch, what_would_change
from ige_pipeline.cli.asking import moment
from ige_pipeline.cli.output import as_json, counts, say
from ige_pipeline.delivery.circuit import fault_sentence, wait_sentence
from ige_pipeline.environment import Environment
from ige_pipeline.inbound.outcomes import track_outcomes
from ige_pipeline.inbound.read_replies import read_replies
from ige_pipeline.ledger.sentence import of_reason
from ige_pipeline.refusal import Refusal


def _overrides(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if any(not equals for _, equals, _ in pairs):
        raise click.BadParameter("write a setting as name=value")
    return {name.strip(): value.strip() for name, _, value in pairs}


as_of_option = click.option("--as-of", callback=moment, help="Evaluate as of this time (ISO 8601, UTC by default).")
set_option = click.option("--set", "overrides", multiple=True, callback=_overrides, help="Override: name=value.")
json_option = click.option("--json", "json_wanted", is_flag=True, help="Print one JSON document.")


@click.group()
def run() -> None:
    """Run one batch or one delivery, here and now."""


@run.command()
@as_of_option
@set_option
@click.option("--dry-run", is_flag=True, help="Decide and explain, but schedule nothing.")
@json_option
def schedule(as_of: datetime | None, overrides: dict[str, str], *, dry_run: bool, json_wanted: bool) -> None:
    """Decide who should hear from the concierge, write it, check it, and put it into the outbox."""
    _schedule(as_of, overrides, dry_run=dry_run, json_wanted=json_wanted)


@click.command()
@as_of_option
@set_option
@json_option
def preview(as_of: datetime | None, overrides: dict[str, str], *, json_wanted: bool) -> None:
    """Run a whole batch without scheduling anything; with --set, show what the settings would change.

    Of an hour long ago it shows the verdicts of then; a batch that is no preview would send none of it, being stale.

    With --set the texts come from the templates: comparing settings asks no model and costs nothing.
    """
    if not overrides:
        _schedule(as_of, overrides, dry_run=True, json_wanted=json_wanted)
        return
    changed = what_would_change(Environment.of_process(), overrides, as_of=as_of)
    if json_wanted:
        as_json(changed)
        return
    counts("Now", changed["now"])
    counts("With " + ", ".join(f"{name}={value}" for name, value in overrides.items()), changed["then"])
    counts("Judged differently", changed["kinds"])
    for row in changed["examples"]:
        because = "; ".join(map(of_reason, row["reasons"]))
        told = f" ({because})" if because else ""
        say(f"  contractor {row['contractor_id']}, {row['trigger_name']}: {row['now']} -> {row['then']}{told}")
    say("No model was asked: both were written from the templates.")


@run.command()
@set_option
@json_option
@click.pass_context
def deliver(context: click.Context, overrides: dict[str, str], *, json_wanted: bool) -> None:
    """Empty the outbox through the webhook: what is due now, at the pace that is set."""
    environment = Environment.of_process()
    settings = environment.settings(overrides)
    report, left = deliver_once(environment, settings=settings)
    if json_wanted:
        as_json({"posted": report.posted, "outcomes": dict(report.counts), "fault": report.fault, "backlog": left})
    else:
        counts("Outcomes", report.counts)
        say(f"Still unsent: {left['unsent']} ({left['due']} due now, {left['waiting']} waiting for their time).")
    if report.circuit.limited and not json_wanted:
        say(wait_sentence(report.circuit, environment.target(settings).host))
    if report.fault is not None:
        raise Refusal(fault_sentence(report.fault, environment.target(settings).host))
    context.exit(1 if report.counts["Dead"] else 0)


@run.command()
@json_option
def outcomes(*, json_wanted: bool) -> None:
    """Write down what was done because of a message, and which messages nobody answered; nothing is counted twice."""
    environment = Environment.of_process()
    settings = environment.settings()
    with environment.checked_database().connect() as conn:
        found = track_outcomes(conn, settings)
        read = read_replies(conn, settings, model=environment.model(settings))
    if json_wanted:
        as_json(vars(found) | {"read": read})
        return
    say(f"Led to action: {found.led_to_action}. Ignored: {found.ignored}. Late receipts: {found.receipts}.")
    if settings.replies_read_by_model:
        counts("Replies, by the model", read)


def _schedule(as_of: datetime | None, overrides: dict[str, str], *, dry_run: bool, json_wanted: bool) -> None:
    environment = Environment.of_process()
    batch, closed = schedule_batch(environment, settings=environment.settings(overrides), as_of=as_of, dry_run=dry_run)
    if json_wanted:
        as_json(
            {
                "batch": batch.id,
                "as_of": batch.as_of,
                "dry_run": dry_run,
                "verdicts": closed["counts"],
                "tokens": closed["tokens_in"] + closed["tokens_out"],
                "cost_usd": closed["cost_usd"],
            },
        )
        return
    kind = " (dry run)" if dry_run else ""
    counts(f"Batch {batch.id} as of {batch.as_of:%Y-%m-%d %H:%M %Z}{kind}", closed["counts"])
