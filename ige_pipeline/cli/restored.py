"""`ige restored`: a database came back from a backup, and must not send again what was sent since."""

from datetime import datetime

import click

from ige_pipeline.cli.asking import sure, who, without_number, yes_option
from ige_pipeline.cli.output import as_json, say
from ige_pipeline.cli.run import json_option
from ige_pipeline.delivery.restored import moved as move
from ige_pipeline.delivery.restored import perhaps_sent, silence, take_over
from ige_pipeline.environment import Environment
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.settings import Settings


@click.command()
@click.option("--moved", is_flag=True, help="All that was committed is in it: nothing is cancelled or stopped.")
@click.option("--reason", callback=without_number, help="Why; shown by `ige why`.")
@yes_option
@json_option
def restored(*, moved: bool, reason: str | None, yes: bool, json_wanted: bool) -> None:
    """Let a restored database take the place of its original: cancel what may have been sent, and stop all sending.

    What was sent after the backup is unsent in it, and nobody can tell which. Each unsent message is cancelled, which
    counts as written. What was scheduled after the backup left no trace, so nothing should be sent for a while: it
    says for how long.

    With --moved it goes on as before. That is for an upgrade of the server, for a move, and for a replica that took
    over, if its replication was synchronous: what is missing in it is sent again.
    """
    environment = Environment.of_process()
    with environment.checked_database().connect() as conn:
        if moved:
            _go_on(conn, reason=reason or "moved", yes=yes, json_wanted=json_wanted)
        else:
            reason = reason or "restored from a backup"
            _take_over(conn, environment.settings(), reason=reason, yes=yes, json_wanted=json_wanted)


def _go_on(conn: Connection, *, reason: str, yes: bool, json_wanted: bool) -> None:
    if not json_wanted:
        say("A message that was sent, and of which this copy does not know, is sent again. An opt-out may be missing.")
    sure("Is everything in it that the original had committed, to the last moment?", yes=yes)
    move(conn, who=who(), reason=reason)
    if json_wanted:
        as_json({"cancelled": []})
        return
    say("It goes on as before: nothing was cancelled.")


def _take_over(conn: Connection, settings: Settings, *, reason: str, yes: bool, json_wanted: bool) -> None:
    waits = silence(settings)
    until = _now(conn) + waits
    found = len(perhaps_sent(conn))
    if not json_wanted:
        say(f"Unsent in this copy: {found} messages, any of which may have been sent. They would be cancelled.")
    sure("Let this database take the place of the original, and stop all sending?", yes=yes)
    cancelled = take_over(conn, who=who(), reason=reason, until=until)
    if json_wanted:
        as_json({"cancelled": cancelled, "not_before": until})
        return
    say(f"Cancelled: {len(cancelled)} messages. All sending is stopped.")
    say("Enter the opt-outs that came in since the backup: they are lost, and are yours to honour.")
    say(f"Then `ige start`, and not before {until:%Y-%m-%d %H:%M} UTC ({waits.total_seconds() / 3600:.0f} hours).")


def _now(conn: Connection) -> datetime:
    row = conn.execute("SELECT now() AS now").fetchone()
    if row is None:
        raise RuntimeError("Postgres did not say what time it is")
    now: datetime = row["now"]
    return now
