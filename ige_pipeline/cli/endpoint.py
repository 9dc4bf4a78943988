"""`ige endpoint`: how the webhook stands, and that it is mended."""

from typing import Any

import click

from ige_pipeline.cli.asking import who
from ige_pipeline.cli.output import as_json, say
from ige_pipeline.cli.run import json_option
from ige_pipeline.delivery import breaker
from ige_pipeline.delivery.circuit import LIMITED
from ige_pipeline.environment import Environment
from ige_pipeline.refusal import Refusal


@click.group()
def endpoint() -> None:
    """Look at the circuit that keeps messages from a webhook that is wrong or failing, or close it by hand."""


@endpoint.command()
@json_option
@click.pass_context
def show(context: click.Context, *, json_wanted: bool) -> None:
    """Show each endpoint that was posted to. Exits with 1 when one is paused."""
    with Environment.of_process().checked_database().connect() as conn:
        found = breaker.circuits(conn)
    if json_wanted:
        as_json(found)
    elif not found:
        say("Nothing was posted yet.")
    else:
        for each in found:
            say(f"{each['endpoint']}: {_state(each)}; {each['failures']} of {each['calls']} calls failed in 5 minutes")
    context.exit(1 if any(each["state"] != "closed" for each in found) else 0)


@endpoint.command()
@click.argument("name", required=False)
def resume(name: str | None) -> None:
    """Send to an endpoint again at once, after mending it; without a NAME (host:port) to the one that is set."""
    environment = Environment.of_process()
    asked = name or environment.target(environment.settings()).host
    with environment.checked_database().connect() as conn:
        if not breaker.resume(conn, asked, who=who()):
            raise Refusal(f"Nothing was ever posted to {asked}: `ige endpoint show` names those that were.")
    say(f"The next delivery run sends to {asked} again.")


def _state(circuit: dict[str, Any]) -> str:
    if circuit["state"] == "closed":
        return "sending"
    since = f"{circuit['opened_at']:%Y-%m-%d %H:%M:%S %Z}"
    trial = (
        "one message is being tried" if circuit["state"] == "half_open" else f"next try {circuit['probe_at']:%H:%M:%S}"
    )
    why = "as it asked us to send less" if circuit["reason"] == LIMITED else circuit["reason"]
    return f"PAUSED since {since} ({why}), {trial}"
