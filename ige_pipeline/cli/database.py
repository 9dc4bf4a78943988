"""`ige migrate`: bring the database to this code's schema."""

import click

from ige_pipeline.cli.asking import who
from ige_pipeline.cli.output import say
from ige_pipeline.environment import Environment
from ige_pipeline.ledger.home import WHAT_TO_ANSWER, Whereabouts, settle_in, whereabouts
from ige_pipeline.postgres.connection import connect, describe
from ige_pipeline.postgres.migrate import migrate as bring_up_to_date
from ige_pipeline.postgres.schema import current


@click.command()
def migrate() -> None:
    """Create what is missing in the database; nothing that exists is changed. May be run at any time."""
    database = Environment.of_process().database()
    bring_up_to_date(database.url)
    with connect(database.url) as conn:
        say(f"The database {describe(database.url)} is at schema {current(conn)}.")
        settle_in(conn, who=who())
        if whereabouts(conn) is Whereabouts.ELSEWHERE:
            say(f"It was restored, copied or taken over, and nothing is decided or sent in it: {WHAT_TO_ANSWER}.")
        row = conn.execute("SELECT value FROM ige_switches WHERE name = 'adoption'").fetchone()
    if row and row["value"]["state"] == "pending":
        say("It holds work of the old system, which stays held until `ige adopt` has shown it to you.")
