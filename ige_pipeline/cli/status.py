"""`ige status`: the ten-second view."""

from typing import Any

import click

from ige_pipeline.cli.output import as_json, counts, say
from ige_pipeline.cli.run import json_option
from ige_pipeline.delivery import outbox
from ige_pipeline.delivery.alert import open_alerts
from ige_pipeline.delivery.breaker import circuits
from ige_pipeline.delivery.held import count_waiting
from ige_pipeline.delivery.switches import last_day
from ige_pipeline.environment import Environment
from ige_pipeline.postgres.connection import describe
from ige_pipeline.watch.figures import read
from ige_pipeline.watch.judge import judge


@click.command()
@json_option
@click.pass_context
def status(context: click.Context, *, json_wanted: bool) -> None:
    """Show the outbox, the last batch, and whether sending is allowed. Exits with 1 when something needs a look."""
    database = Environment.of_process().checked_database()
    settings = Environment.of_process().settings()
    with database.connect() as conn:
        now = outbox.standing(conn)
        left = outbox.backlog(conn, adopted=now.adopted)
        coming = outbox.forecast(conn, settings, unsent=left["unsent"])
        alerts, endpoints = open_alerts(conn), circuits(conn)
        day = last_day(conn) | {"drafts_waiting": count_waiting(conn)}
        checks = judge(read(conn), settings)
    failing = {name: each.sentence for name, each in checks.items() if not each.passed}
    needs_a_look = now.stopped or not now.adopted or now.other_sender or bool(alerts or failing) or not coming.keeps_up
    if json_wanted:
        told: dict[str, Any] = {"forecast": coming.as_json(), "alerts": alerts, "endpoints": endpoints}
        told["checks"] = {name: vars(each) for name, each in checks.items()}
        as_json({"standing": vars(now), "backlog": left, **told, **day})
    else:
        say(f"Database:   {describe(database.url)}")
        say(f"Sending:    {_sending(now)}")
        say(
            f"Outbox:     {left['unsent']} unsent ({left['due']} due now, {left['waiting']} waiting, "
            f"{left['leased']} being sent), the oldest {left['oldest_minutes']:.0f} min old",
        )
        say(f"Pace:       {coming}")
        for each in alerts:
            say(f"Alert:      {each['at']:%Y-%m-%d %H:%M %Z}: {each['sentence']}")
        for name, sentence in failing.items():
            say(f"Check:      {name}: {sentence}")
        batch = day["last_batch"]
        if batch is None:
            say("Last batch: none yet")
        else:
            counts(f"Last batch: {batch['id']} at {batch['opened_at']:%Y-%m-%d %H:%M %Z}", batch["counts"])
        counts("Last 24 h", day["outcomes_24h"])
        if day["drafts_waiting"]:
            say(f"Drafts:     {day['drafts_waiting']} wait for a person: `ige drafts list`")
    context.exit(1 if needs_a_look else 0)


def _sending(now: outbox.Standing) -> str:
    if now.stopped:
        return f"STOPPED ({now.stop_reason}); `ige start` lifts it"
    if now.other_sender:
        return "held: another program marked messages as sent within the last hour"
    if not now.adopted:
        return "ours only; work of the old system is held until `ige adopt`"
    return "on"
