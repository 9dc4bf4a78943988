"""`ige stop`, `ige start` and `ige adopt`: what a person decides about all sending."""

import click

from ige_pipeline.cli.asking import sure, sure_at_terminal, who, without_number, yes_option
from ige_pipeline.cli.output import as_json, say
from ige_pipeline.cli.run import json_option
from ige_pipeline.delivery import switches
from ige_pipeline.delivery.outbox import standing
from ige_pipeline.environment import Environment


@click.command()
@click.option("--reason", callback=without_number, required=True, help="Why; shown to whoever looks next.")
def stop(reason: str) -> None:
    """Halt all sending within one message, on all machines, until `ige start`.

    An emergency waits for no question: this asks nothing.
    """
    with Environment.of_process().checked_database().connect() as conn:
        switches.set_stop(conn, on=True, reason=reason, who=who())
    say("All sending is stopped. Batches still decide and schedule; nothing leaves until `ige start`.")


@click.command()
@yes_option
def start(*, yes: bool) -> None:
    """Lift `ige stop`."""
    with Environment.of_process().checked_database().connect() as conn:
        sure_at_terminal("Start sending? What is due leaves with the next delivery run.", yes=yes)
        switches.set_stop(conn, on=False, reason=None, who=who())
    say("Sending is on.")


@click.command()
@yes_option
@json_option
def adopt(*, yes: bool, json_wanted: bool) -> None:
    """Show what the old system left in the outbox and, once you confirm, deliver what is still fresh."""
    environment = Environment.of_process()
    with environment.checked_database().connect() as conn:
        if standing(conn).adopted:
            say("There is nothing to adopt.")
            return
        found = switches.to_adopt(conn, environment.settings())
        if json_wanted:
            as_json(found)
        else:
            say(f"Unsent rows of the old system: {found['would_expire']} too old, which would expire unsent,")
            say(f"and {found['would_send']} still fresh, which would be sent after every safeguard was asked again.")
            for kind in ("follow_ups", "event_messages"):
                expired, fresh = found[f"{kind}_to_expire"], found[f"{kind}_to_send"]
                say(f"Due {kind.replace('_', ' ')}: {expired} too late, which would expire, and {fresh} to be sent.")
        sure("Adopt them?", yes=yes)
        switches.adopt(conn, who=who(), seen=found)
    if not json_wanted:
        say("Adopted: the next delivery run takes them.")
