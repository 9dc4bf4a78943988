"""`ige retire`: the way back to the old system, and the way back from there."""

import click

from ige_pipeline.cli.asking import sure, who, without_number, yes_option
from ige_pipeline.cli.output import as_json, say
from ige_pipeline.cli.run import json_option
from ige_pipeline.delivery import retire as shelf
from ige_pipeline.environment import Environment
from ige_pipeline.postgres.connection import Connection


@click.command()
@click.option("--undo", is_flag=True, help="Bring back what was put aside; sending stays stopped until `ige start`.")
@click.option(
    "--reason",
    callback=without_number,
    default="going back to the old system",
    show_default=True,
    help="Why; shown by `ige status`.",
)
@yes_option
@json_option
def retire(*, undo: bool, reason: str, yes: bool, json_wanted: bool) -> None:
    """Put what is unsent where the old system's worker does not find it, and stop everything here.

    That worker texts every row with sent_at NULL, also what was cancelled, has expired or died here.
    """
    environment = Environment.of_process()
    with environment.checked_database().connect() as conn:
        if undo:
            _come_back(conn, environment, yes=yes, json_wanted=json_wanted)
        else:
            _go(conn, reason, yes=yes, json_wanted=json_wanted)


def _go(conn: Connection, reason: str, *, yes: bool, json_wanted: bool) -> None:
    found = shelf.to_retire(conn)
    if not json_wanted:
        say(
            f"Unsent: {found['ours_waiting']} of ours wait, {found['others_waiting']} of other programs wait, "
            f"{found['ended']} ended without being sent."
        )
    sure("Put them where the old worker does not find them, and stop everything here?", yes=yes)
    moved = shelf.retire(conn, who=who(), reason=reason, seen=found)
    if json_wanted:
        as_json(found | {"retired": moved})
    else:
        say(f"Retired: {moved} messages are put aside. Stop our daemon, then start the old workers.")


def _come_back(conn: Connection, environment: Environment, *, yes: bool, json_wanted: bool) -> None:
    settings = environment.settings()
    found = shelf.on_the_shelf(conn, settings)
    if not json_wanted:
        say(f"Put aside: {found['messages']} messages, of which {found['fresh']} could still be sent.")
    sure("Bring them back? The old workers must be stopped.", yes=yes)
    back = shelf.bring_back(conn, settings, who=who())
    if json_wanted:
        as_json(found | {"brought_back": back})
    else:
        say(f"Brought back: {back} messages. Look with `ige adopt`, then `ige start` lets them leave.")
