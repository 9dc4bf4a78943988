"""`ige serve`: what comes back, over HTTP."""

import click

from ige_pipeline.cli.output import say
from ige_pipeline.environment import Environment


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
def serve(host: str, port: int) -> None:
    """Take replies and receipts over HTTP, until SIGINT or SIGTERM. Put TLS before it: it speaks plain HTTP."""
    from ige_pipeline.postgres.connection import open_pool  # noqa: PLC0415 - other commands have no use for it
    from ige_pipeline.serve import app, run  # noqa: PLC0415 - as above

    environment = Environment.of_process()
    environment.settings()
    environment.inbound_credentials()
    database = environment.checked_database()
    with run.listen(host, port) as listening, open_pool(database.url, size=10) as pool:
        run.serve(app.application(pool, []), listening, ready=lambda address: say(f"Listening on {address}"))
