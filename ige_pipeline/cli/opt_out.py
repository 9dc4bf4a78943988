"""`ige opt-out`: a number that must get nothing more, and `ige replies`: what a person should look at."""

from collections.abc import Sequence

import click

from ige_pipeline.cli.asking import sure, sure_at_terminal, who, without_number, yes_option
from ige_pipeline.cli.output import as_json, say, table
from ige_pipeline.cli.run import json_option
from ige_pipeline.environment import Environment
from ige_pipeline.inbound import by_hand


@click.command("opt-out")
@click.argument("contractor_id", type=click.IntRange(min=1), required=False)
@click.option("--number", help="A number that no contractor has, best as +12125550199.")
@click.option(
    "--reason", callback=without_number, required=True, help="Why, and how you know: asked by phone, by mail."
)
@click.option("--lift", is_flag=True, help="Take an opt-out back: only if the person behind the number said so.")
@yes_option
def opt_out(contractor_id: int | None, number: str | None, reason: str, *, lift: bool, yes: bool) -> None:
    """Let nothing more go to a contractor's number, whoever else has it; what waits for them is cancelled.

    It outlives the contractor's row, and START does not lift it. A number that nobody has is named by --number.
    """
    environment = Environment.of_process()
    settings = environment.settings()
    with environment.checked_database().connect() as conn:
        match contractor_id, number:
            case int(), None:
                number = by_hand.number_of_contractor(conn, contractor_id, settings)
                whose = f"the number of contractor {contractor_id} (…{number[-4:]})"
            case None, str():
                number = by_hand.whole_number(number, settings)
                whose = f"…{number[-4:]}"
            case _:
                raise click.UsageError("Say either a contractor or --number.")
        doing = "Let texts go again to" if lift else "Let nothing more go to"
        sure(f"{doing} {whose}?", yes=yes)
        change = by_hand.opt_in if lift else by_hand.opt_out
        done = change(conn, number, settings, reason=reason, who=who())
    if lift:
        say(f"The opt-out is lifted: …{number[-4:]}." if done.changed else f"…{number[-4:]} was not opted out.")
    else:
        say(f"…{number[-4:]} is opted out; {done.cancelled} waiting messages were cancelled.")


@click.group()
def replies() -> None:
    """Look at replies that were flagged for a person."""


@replies.command(name="flagged")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Show at most so many.")
@json_option
def list_flagged(limit: int, *, json_wanted: bool) -> None:
    """Show what a person should look at, the oldest first; texts included."""
    with Environment.of_process().checked_database().connect() as conn:
        rows = by_hand.flagged(conn, limit=limit)
    if json_wanted:
        as_json(rows)
    elif rows:
        columns = ("reply", "came (UTC)", "contractor", "read as", "look at it because", "text")
        lines = (
            (r["id"], f"{r['received_at']:%Y-%m-%d %H:%M}", r["contractor_id"], r["meaning"], r["flag"], r["body"])
            for r in rows
        )
        table("Replies", columns, lines)
    else:
        say("No reply is flagged.")


@replies.command()
@click.argument("ids", type=int, nargs=-1, required=True)
@yes_option
def seen(ids: Sequence[int], *, yes: bool) -> None:
    """Sign that you looked at flagged replies."""
    with Environment.of_process().checked_database().connect() as conn:
        sure_at_terminal(f"Have you looked at {', '.join(map(str, ids))}?", yes=yes)
        done = by_hand.have_seen(conn, ids, who=who())
    say(f"Seen: {', '.join(map(str, done)) or 'nothing that was flagged'}.")
