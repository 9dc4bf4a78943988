"""`ige batches`: what was decided, batch by batch, and the approval of one that was held."""

from decimal import Decimal

import click

from ige_pipeline.cli.asking import sure, who, yes_option
from ige_pipeline.cli.output import as_json, counts, say, table
from ige_pipeline.cli.run import json_option
from ige_pipeline.environment import Environment
from ige_pipeline.ledger import compare, spend
from ige_pipeline.ledger.batch import close_batch


@click.group()
def batches() -> None:
    """Look at batches; approve one that would have reached unusually many."""


@batches.command(name="list")
@click.option("--limit", default=10, show_default=True, help="Show at most so many.")
@json_option
def list_batches(limit: int, *, json_wanted: bool) -> None:
    """Show the newest batches and how many decisions of each verdict they made."""
    with Environment.of_process().checked_database().connect() as conn:
        rows = compare.newest(conn, limit=limit)
    if json_wanted:
        as_json(rows)
        return
    lines = ((row["id"], f"{row['as_of']:%Y-%m-%d %H:%M}", row["dry_run"], _counts(row["counts"])) for row in rows)
    table("Batches", ("batch", "as of (UTC)", "dry run", "verdicts"), lines)


@batches.command()
@click.argument("batch_id", type=int)
@json_option
def show(batch_id: int, *, json_wanted: bool) -> None:
    """Show who wrote a batch's texts, what the model took, and what it would send if it is held."""
    from ige_pipeline.generation.generate import count_drafts  # noqa: PLC0415 - kept out of the others' start-up

    with Environment.of_process().checked_database().connect() as conn:
        batch = compare.by_id(conn, batch_id)
        held, texts, (spent, _) = compare.held(conn, batch), count_drafts(conn, batch), spend.taken(conn, batch)
    if json_wanted:
        as_json({"batch": batch_id, "texts": texts, "spent_usd": spent, "held": held})
        return
    counts("Texts", texts)
    say(f"Taken from the spend limits: {spend_in_words(spent)}.")
    if held:
        table(f"Held in batch {batch_id}", held[0], (row.values() for row in held))
    else:
        say(f"Nothing is held in batch {batch_id}.")


def spend_in_words(usd: Decimal) -> str:
    """Say a sum; most are a fraction of a cent."""
    return f"{usd:.4f} USD" if usd else "nothing"


@batches.command()
@click.argument("batch_id", type=int)
@yes_option
def approve(batch_id: int, *, yes: bool) -> None:
    """Let a held batch be scheduled after all; less what is stale and who was written to since."""
    from ige_pipeline.delivery import schedule  # noqa: PLC0415 - kept out of the other commands' start-up

    environment = Environment.of_process()
    with environment.checked_database().connect() as conn:
        batch = compare.by_id(conn, batch_id)
        schedule.require_approvable(batch)
        seen = compare.held_mark(conn, batch)
        waiting = sum(row["messages"] for row in compare.held(conn, batch))
        if not waiting:
            say(f"Nothing is held in batch {batch_id}.")
            return
        sure(f"Schedule {waiting} messages of batch {batch_id}?", yes=yes)
        scheduled = schedule.approve(conn, batch, environment.settings(), who=who(), seen=seen)
        close_batch(conn, batch)
    say(
        f"Batch {batch_id} is approved: {scheduled} of {waiting} messages are scheduled; `ige why` explains the others."
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
