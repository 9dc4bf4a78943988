"""`ige why`: why a contractor got a message, or got none."""

from datetime import datetime
from typing import Any

import click

from ige_pipeline.cli.asking import moment
from ige_pipeline.cli.output import as_json, say
from ige_pipeline.cli.run import json_option
from ige_pipeline.environment import Environment
from ige_pipeline.ledger import why as ledger
from ige_pipeline.ledger.sentence import of_decision, of_reason
from ige_pipeline.triggers.nearest import Nearest, nearest


@click.command()
@click.argument("contractor_id", type=int)
@click.option("--at", callback=moment, help="Only the batches of this hour (ISO 8601, UTC by default).")
@click.option("--message", "message_id", type=int, help="Only this message.")
@click.option("--limit", default=10, show_default=True, help="At most so many decisions, the newest first.")
@json_option
def why(contractor_id: int, at: datetime | None, message_id: int | None, limit: int, *, json_wanted: bool) -> None:
    """Explain what was decided about a contractor: which trigger, which row, every reason, every attempt."""
    environment = Environment.of_process()
    with environment.checked_database().connect() as conn:
        who = ledger.contractor(conn, contractor_id, at=at)
        close = nearest(conn, contractor_id, environment.settings())
        rows = ledger.why(conn, contractor_id=contractor_id, message_id=message_id, at=at, limit=limit)
    if json_wanted:
        as_json({"contractor": who, "decisions": rows, "nearest": _as_values(close)})
        return
    say(f"{who['name'] or 'Contractor'} (contractor {contractor_id}){_company(who)}")
    if not rows:
        say(_silence(who, at))
    if at is None and message_id is None:
        say(_now(close))
    for row in rows:
        _show(row)


def _company(who: dict[str, Any]) -> str:
    return f", {who['company_name']}" if who["company_name"] else ""


def _silence(who: dict[str, Any], at: datetime | None) -> str:
    when = f"in the hour of {at:%Y-%m-%d %H:%M %Z}" if at else "so far"
    if who["last_batch_at"] is None:
        return "No batch has run yet."
    if at is not None and not who["batches_then"]:
        return f"No batch ran {when}."
    return f"No trigger selected them {when}; the last batch looked at {who['last_batch_at']:%Y-%m-%d %H:%M %Z}."


def _now(close: Nearest | None) -> str:
    if close is None:
        return "No trigger has anything to go by: they have no goals, items, follow-ups or event messages."
    if close.missing:
        return f"Now: no trigger fires; {close.trigger.name} comes nearest: {'; '.join(close.missing)}."
    return f"Now: {close.trigger.name} fires; the next batch asks the safeguards."


def _as_values(close: Nearest | None) -> dict[str, Any] | None:
    if close is None:
        return None
    return {"trigger": close.trigger.name, "subject_id": close.subject_id, "missing": close.missing}


def _show(row: dict[str, Any]) -> None:
    say(f"\n{row['evaluated_at']:%Y-%m-%d %H:%M %Z}  {row['trigger_name']}  (decision {row['decision_id']})")
    say(f"  why due:  {row['why_due']}")
    say(f"  verdict:  {of_decision(row)}")
    if row["draft"]:
        say(f"  text:     {row['draft']}  [{row['draft_source']}]")
    for attempt in row["attempts"]:
        because = "; ".join(of_reason(reason) for reason in attempt["reasons"])
        status = f" HTTP {attempt['status_code']}" if attempt["status_code"] else ""
        say(f"  attempt:  {attempt['outcome']}{status} at {attempt['at'][:16]}" + (f" ({because})" if because else ""))
