"""`ige serve`: what comes back, over HTTP, and the console."""

from collections.abc import Iterator

import click

from ige_pipeline.cli.output import say
from ige_pipeline.environment import Environment
from ige_pipeline.loopback import is_loopback
from ige_pipeline.refusal import Refusal


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
def serve(host: str, port: int) -> None:
    """Take replies and receipts over HTTP and show the console, until SIGINT or SIGTERM.

    Put TLS before it: it speaks plain HTTP. Without a login configured the console is for this machine alone, with a
    token that is printed; without credentials for replies none are taken.
    """
    from ige_pipeline.console.access import of_environment  # noqa: PLC0415 - other commands have no use for it
    from ige_pipeline.console.desk import Desk  # noqa: PLC0415 - as above
    from ige_pipeline.console.routes import routes  # noqa: PLC0415 - as above
    from ige_pipeline.postgres.connection import open_pool  # noqa: PLC0415 - as above
    from ige_pipeline.serve import app, run  # noqa: PLC0415 - as above

    environment = Environment.of_process()
    environment.settings()
    access = of_environment(environment.get)
    console_shown = is_loopback(host) or not access.here_only
    told = list(_told(environment, console_shown=console_shown))
    database = environment.checked_database()
    with run.listen(host, port) as listening, open_pool(database.url, size=10) as pool:
        shown = routes(Desk(environment, access, pool.connection)) if console_shown else []

        def ready(address: str) -> None:
            say(f"Listening on {address}")
            for sentence in told:
                say(sentence)
            if console_shown:
                say(f"Console:  {address}/console/")
            if console_shown and access.here_only:
                say(f"Token:    {access.tokens[0].secret}  (of this process; IGE_CONSOLE_TOKENS makes lasting ones)")

        run.serve(app.application(pool, shown), listening, ready=ready)


def _told(environment: Environment, *, console_shown: bool) -> Iterator[str]:
    """Say which half is not served; Refusal where neither is."""
    try:
        environment.inbound_credentials()
    except Refusal as refusal:
        if not console_shown or any(environment.get(f"IGE_{name}") for name in _INBOUND):
            raise
        yield f"Replies are not taken: {refusal}"
    if not console_shown:
        yield "The console is not shown: without IGE_CONSOLE_TOKENS it is for this machine alone."


_INBOUND = ("INBOUND_TOKEN", "INBOUND_SECRET", "TWILIO_AUTH_TOKEN")
