"""`ige pause` and `ige resume`: one contractor who shall hear nothing for a while."""

from datetime import UTC, datetime, timedelta

import click

from ige_pipeline.cli.asking import moment, span, sure, sure_at_terminal, who, without_number, yes_option
from ige_pipeline.cli.output import say
from ige_pipeline.delivery import pause as by_hand
from ige_pipeline.environment import Environment
from ige_pipeline.refusal import Refusal


@click.command()
@click.argument("contractor_id", type=click.IntRange(min=1))
@click.option("--until", callback=moment, help="Until then (ISO 8601, UTC by default); without it until `ige resume`.")
@click.option("--for", "span_", callback=span, help="For so long from now: 12h, 30d.")
@click.option("--reason", callback=without_number, required=True, help="Why; shown to whoever looks next.")
@yes_option
def pause(contractor_id: int, until: datetime | None, span_: timedelta | None, reason: str, *, yes: bool) -> None:
    """Send nothing to one contractor, until a time or until `ige resume`. What waits for them goes on waiting."""
    if until is not None and span_ is not None:
        raise Refusal("Say either --until or --for.")
    ends = until if span_ is None else datetime.now(UTC) + span_
    told = "until `ige resume`" if ends is None else f"until {ends:%Y-%m-%d %H:%M %Z}"
    with Environment.of_process().checked_database().connect() as conn:
        sure(f"Send nothing to contractor {contractor_id} {told}?", yes=yes)
        by_hand.pause(conn, contractor_id, until=ends, reason=reason, who=who())
    say(f"Contractor {contractor_id} hears nothing {told}.")


@click.command()
@click.argument("contractor_id", type=click.IntRange(min=1))
@click.option("--reason", callback=without_number, required=True, help="Why; shown to whoever looks next.")
@yes_option
def resume(contractor_id: int, reason: str, *, yes: bool) -> None:
    """Lift a pause; every other safeguard holds as before."""
    with Environment.of_process().checked_database().connect() as conn:
        sure_at_terminal(f"Lift the pause of contractor {contractor_id}?", yes=yes)
        by_hand.resume(conn, contractor_id, reason=reason, who=who())
    say(f"The pause of contractor {contractor_id} is lifted.")
