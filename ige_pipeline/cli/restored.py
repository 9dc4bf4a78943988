"""`ige restored`: a database came back from a backup, and must not send again what was sent since."""

from datetime import datetime

import click

from ige_pipeline.cli.asking import sure, who, yes_option
from ige_pipeline.cli.output import as_json, say
from ige_pipeline.cli.run import json_option
from ige_pipeline.delivery.restored import perhaps_sent, silence, take_over
from ige_pipeline.environment import Environment
from ige_pipeline.postgres.connection import Connection


@click.command()
@click.option("--reason", default="restored from a backup", show_default=True, help="Why; shown by `ige why`.")
@yes_option
@json_option
def restored(*, reason: str, yes: bool, json_wanted: bool) -> None:
    """Let a restored database take the place of its original: cancel what may have been sent, and stop all sending.

    What was sent after the backup is unsent in it, and nobody can tell which. Each unsent message is cancelled, which
    counts as written. What was scheduled after the backup left no trace, so nothing should be sent for a while: it
    says for how long.
    """
    environment = Environment.of_process()
    with environment.checked_database().connect() as conn:
        waits = silence(environment.settings())
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
