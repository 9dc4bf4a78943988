"""`ige triggers`: what there is."""

import click

from ige_pipeline.cli.output import as_json, say, table
from ige_pipeline.cli.run import json_option, set_option
from ige_pipeline.environment import Environment
from ige_pipeline.triggers.trigger import chosen, load_all


@click.group()
def triggers() -> None:
    """Look at the triggers: who is due a message, and why."""


@triggers.command(name="list")
@json_option
def list_triggers(*, json_wanted: bool) -> None:
    """Show every trigger with its message type, priority and how often it may repeat."""
    values = Environment.of_process().settings().model_dump()
    found = [
        {
            "trigger": trigger.name,
            "message_type": trigger.message_type,
            "priority": trigger.priority,
            "repeat_days": values.get(trigger.repeat_days, trigger.repeat_days),
            "at_most": values.get(trigger.at_most, trigger.at_most),
        }
        for trigger in load_all()
    ]
    if json_wanted:
        as_json(found)
        return
    table("Triggers", found[0], (row.values() for row in found))


@triggers.command()
@click.argument("name", required=False)
@click.pass_context
def check(context: click.Context, name: str | None) -> None:
    """Try every trigger (or one) against the database without consequences. Exits with 1 when one is wrong."""
    from ige_pipeline.triggers.inspect import problems  # noqa: PLC0415 - the others need no database

    environment = Environment.of_process()
    wrong = False
    with environment.checked_database().connect() as conn:
        for trigger in chosen([name] if name else []):
            found = problems(conn, trigger, environment.settings())
            say(f"{trigger.name}: {'; '.join(found) or 'good'}")
            wrong = wrong or bool(found)
    context.exit(1 if wrong else 0)


@triggers.command()
@click.argument("name")
@set_option
@click.option("--limit", default=20, show_default=True, help="Show at most so many.")
@json_option
def preview(name: str, overrides: dict[str, str], limit: int, *, json_wanted: bool) -> None:
    """Show whom a trigger selects now, before any safeguard is asked; nothing is kept."""
    from ige_pipeline.triggers.inspect import held_back, selected  # noqa: PLC0415 - as above

    environment = Environment.of_process()
    (trigger,) = chosen([name])
    with environment.checked_database().connect() as conn:
        rows = selected(conn, trigger, environment.settings(overrides))
        because = held_back(conn, trigger)
    if json_wanted:
        as_json(rows[:limit])
        return
    if rows:
        table(f"{name}: {len(rows)} now", rows[0], (row.values() for row in rows[:limit]))
    else:
        say(f"{name} selects nobody now" + (f": {because}." if because else "."))
