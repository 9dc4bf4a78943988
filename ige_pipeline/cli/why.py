"""`ige why`: why a contractor got a message, or got none."""

from datetime import datetime
from typing import Any

import click

from ige_pipeline.cli.asking import moment
from ige_pipeline.cli.output import as_json, say
from ige_pipeline.cli.run import json_option
from ige_pipeline.environment import Environment
from ige_pipeline.ledger import why as ledger
from ige_pipeline.ledger.silence import silence
from ige_pipeline.ledger.story import of_row
from ige_pipeline.triggers.nearest import Nearest, in_words, nearest
from ige_pipeline.triggers.trigger import load_all


@click.command()
@click.argument("contractor_id", type=int)
@click.option("--at", callback=moment, help="Only the batches of this hour (ISO 8601, UTC by default).")
@click.option("--message", "message_id", type=int, help="Only this message.")
@click.option("--limit", default=10, show_default=True, help="At most so many decisions, the newest first.")
@click.option("--previews", is_flag=True, help="Show previews and dry runs, too.")
@json_option
def why(
    contractor_id: int, at: datetime | None, message_id: int | None, limit: int, *, previews: bool, json_wanted: bool
) -> None:
    """Explain what was decided about a contractor: which trigger, which row, what was known, every reason and attempt.

    Previews are left out unless asked for. What is shown holds texts and answers: it is for whoever may read them.
    """
    environment = Environment.of_process()
    settings = environment.settings()
    with environment.checked_database().connect() as conn:
        promised = [trigger.name for trigger in load_all() if trigger.promised]
        who = ledger.contractor(conn, contractor_id, promised=promised, keep_days=settings.keep_decisions_days, at=at)
        if message_id is not None:
            ledger.require_theirs(conn, contractor_id, message_id)
        # Of this moment, and of somebody to be written to; a past hour has what was recorded then.
        asks_of_now = at is None and message_id is None and not who["gone"]
        close = nearest(conn, contractor_id, settings) if asks_of_now else None
        rows = ledger.why(
            conn, contractor_id=contractor_id, message_id=message_id, at=at, limit=limit, previews=previews
        )
        left_out = 0 if previews or message_id else ledger.count_previews(conn, contractor_id, at=at)
    if json_wanted:
        now = {"nearest": _as_values(close)} if asks_of_now else {}
        as_json({"contractor": who, "decisions": rows, **now, "previews_left_out": left_out})
        return
    say(_heading(who))
    if not rows:
        say(silence(who, at, triggers=[trigger.name for trigger in load_all()]))
    if asks_of_now:
        say(in_words(close))
    if left_out:
        say(f"Left out: {left_out} decisions of previews and dry runs; --previews shows them.")
    for row in rows:
        _show(row)


def _heading(who: dict[str, Any]) -> str:
    if who["gone"]:
        return f"Contractor {who['id']} (no longer there)"
    company = f", {who['company_name']}" if who["company_name"] else ""
    return f"{who['name'] or 'Contractor'} (contractor {who['id']}){company}"


def _as_values(close: Nearest | None) -> dict[str, Any] | None:
    if close is None:
        return None
    return {"trigger": close.trigger.name, "subject_id": close.subject_id, "missing": close.missing}


def _show(row: dict[str, Any]) -> None:
    number = f"decision {row['decision_id']}, batch {row['batch_id']}" if row["batch_id"] else "no batch of ours"
    kind = "  PREVIEW, nothing was sent" if row["dry_run"] else ""
    say(f"\n{row['evaluated_at']:%Y-%m-%d %H:%M %Z}  {row['trigger_name']}  ({number}){kind}")
    for label, told in of_row(row):
        say(f"  {label + ':':<9} {told}")
