"""`ige drafts`: texts that wait for a person, in review mode."""

from typing import Any

import click

from ige_pipeline.cli.asking import who, without_number
from ige_pipeline.cli.output import as_json, say, table
from ige_pipeline.cli.run import json_option
from ige_pipeline.delivery import drafts as waiting_drafts
from ige_pipeline.environment import Environment
from ige_pipeline.refusal import Refusal

by_option = click.option("--by", help="Who decides; you, unless it says otherwise.")
ids_argument = click.argument("ids", type=int, nargs=-1, required=True)
id_argument = click.argument("draft_id", metavar="ID", type=int)
_SHOWN = ("draft", "contractor_id", "trigger_name", "message_type", "source", "waits_since", "expires_at", "text")


@click.group()
def drafts() -> None:
    """Look at the texts that wait for a person; approve, edit or reject them. The setting is `review_drafts`."""


@drafts.command(name="list")
@json_option
def list_drafts(*, json_wanted: bool) -> None:
    """Show every draft that waits, the oldest first."""
    environment = Environment.of_process()
    with environment.checked_database().connect() as conn:
        rows = waiting_drafts.waiting(conn, environment.settings())
    if json_wanted:
        as_json([_public(row) for row in rows])
    elif rows:
        columns = ("draft", "who", "trigger", "expires (UTC)", "text")
        table(
            "Drafts",
            columns,
            ((row["draft"], _name(row), row["trigger_name"], _until(row), row["text"]) for row in rows),
        )
    else:
        say("No draft waits.")


@drafts.command()
@id_argument
@json_option
def show(draft_id: int, *, json_wanted: bool) -> None:
    """Show one draft: its text, why it was written, and from what."""
    environment = Environment.of_process()
    with environment.checked_database().connect() as conn:
        row = waiting_drafts.find(conn, draft_id, environment.settings())
    if json_wanted:
        as_json(_public(row) | {"why_due": row["why_due"], "facts": row["facts"]})
        return
    say(f"Draft {draft_id} for {_name(row)}, {row['trigger_name']}, {row['message_type']}, from {row['source']}")
    say(f"  why due:  {row['why_due']}")
    say(f"  text:     {row['text']}  ({row['characters']} characters)")
    say(f"  expires:  {_until(row)} UTC")


@drafts.command()
@ids_argument
@by_option
@json_option
@click.pass_context
def approve(context: click.Context, ids: tuple[int, ...], by: str | None, *, json_wanted: bool) -> None:
    """Let drafts be sent, after every safeguard was asked again. Exits with 1 when one of them may not."""
    environment = Environment.of_process()
    settings, consent_needed = environment.settings(), environment.consent_needed
    done: list[dict[str, Any]] = []
    with environment.checked_database().connect() as conn:
        for draft_id in ids:
            try:
                verdict, reasons = waiting_drafts.approve(
                    conn, draft_id, settings, who=by or who(), consent_needed=consent_needed
                )
            except Refusal as refusal:
                verdict, reasons = "refused", [str(refusal)]
            done.append({"draft": draft_id, "verdict": verdict, "reasons": reasons})
    if json_wanted:
        as_json(done)
    for each in done if not json_wanted else ():
        because = f": {'; '.join(each['reasons'])}" if each["reasons"] else ""
        say(f"Draft {each['draft']} is {each['verdict']}{because}".removesuffix(".") + ".")
    context.exit(0 if all(each["verdict"] == "scheduled" for each in done) else 1)


@drafts.command()
@id_argument
@click.option("--text", help="The new text; without it your editor opens ($EDITOR).")
@by_option
def edit(draft_id: int, text: str | None, by: str | None) -> None:
    """Give a draft another text, which is checked like any other and goes on waiting.

    Who writes and how to opt out is put behind it by itself where the number must be told.
    """
    environment = Environment.of_process()
    settings = environment.settings()
    with environment.checked_database().connect() as conn:
        seen = None
        if text is None:
            before = str(waiting_drafts.find(conn, draft_id, settings)["text"])
            text, seen = click.edit(before), waiting_drafts.mark_of(before)
        if text is None:
            say("Nothing was changed.")
            return
        row = waiting_drafts.edit(conn, draft_id, text, settings, who=by or who(), seen=seen)
    say(f"Draft {draft_id} is now: {row['text']}")


@drafts.command()
@ids_argument
@click.option("--reason", callback=without_number, default="no reason given", help="Why; shown by `ige why`.")
@by_option
def reject(ids: tuple[int, ...], reason: str, by: str | None) -> None:
    """Let drafts never be sent; for some days (`rejected_draft_days`) nothing is written in their place."""
    environment = Environment.of_process()
    with environment.checked_database().connect() as conn:
        for draft_id in ids:
            waiting_drafts.reject(conn, draft_id, environment.settings(), who=by or who(), why=reason)
            say(f"Draft {draft_id} is rejected.")


def _public(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _SHOWN}


def _name(row: dict[str, Any]) -> str:
    return f"{row['name']} #{row['contractor_id']}".strip()


def _until(row: dict[str, Any]) -> str:
    return f"{row['expires_at']:%Y-%m-%d %H:%M}"
