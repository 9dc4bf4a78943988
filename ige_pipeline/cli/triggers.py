"""`ige triggers`: what there is."""

import click

from ige_pipeline.cli.output import as_json, table
from ige_pipeline.cli.run import json_option
from ige_pipeline.environment import Environment
from ige_pipeline.triggers.trigger import load_all


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
