"""`ige serve`: what comes back, over HTTP, and the console."""

from contextlib import nullcontext

import click

from ige_pipeline.cli.output import say
from ige_pipeline.environment import Environment
from ige_pipeline.inbound.proof import Credentials
from ige_pipeline.loopback import is_loopback
from ige_pipeline.postgres.connection import Database
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
    from ige_pipeline.console.desk import PAGES_AT_ONCE, Desk  # noqa: PLC0415 - as above
    from ige_pipeline.console.routes import routes  # noqa: PLC0415 - as above
    from ige_pipeline.inbound.described import DESCRIBED  # noqa: PLC0415 - as above
    from ige_pipeline.inbound.routes import Inbound  # noqa: PLC0415 - as above
    from ige_pipeline.postgres.connection import open_pool  # noqa: PLC0415 - as above
    from ige_pipeline.serve import app, metrics, run  # noqa: PLC0415 - as above

    environment = Environment.of_process()
    environment.settings()
    access = of_environment(environment.get)
    console_shown = is_loopback(host) or not access.here_only
    credentials, told = _credentials(environment, console_shown=console_shown)
    database = environment.checked_database()
    # Replies and receipts never wait for somebody who looks at pages: each has connections of its own.
    with (
        run.listen(host, port) as listening,
        open_pool(database.url, size=10) as pool,
        open_pool(database.url, size=PAGES_AT_ONCE) if console_shown else nullcontext(pool) as pages,
    ):
        shown = routes(Desk(environment, access, pages.connection)) if console_shown else []
        taken = Inbound(pool, credentials, environment.settings).routes() if credentials else []

        def ready(address: str) -> None:
            say(f"Listening on {address}")
            for sentence in told:
                say(sentence)
            if console_shown:
                say(f"Console:  {address}/console/")
            if console_shown and access.here_only:
                say(f"Token:    {access.tokens[0].secret}  (of this process; IGE_CONSOLE_TOKENS makes lasting ones)")

        if credentials:
            _listen(database)
        always = metrics.routes(pool, environment.settings)
        serving = app.application(pool, [*always, *taken, *shown], described=DESCRIBED if credentials else {})
        run.serve(serving, listening, ready=ready)


def _listen(database: Database) -> None:
    from ige_pipeline.inbound.outcomes import listen  # noqa: PLC0415 - as above

    with database.connect() as conn:
        listen(conn, who="ige serve")


def _credentials(environment: Environment, *, console_shown: bool) -> tuple[Credentials | None, list[str]]:
    """Return what proves who sends replies, if anything does, and which half is not served; Refusal for both."""
    told = (
        [] if console_shown else ["The console is not shown: without IGE_CONSOLE_TOKENS it is for this machine alone."]
    )
    try:
        return environment.inbound_credentials(), told
    except Refusal as refusal:
        if not console_shown or any(environment.get(f"IGE_{name}") for name in _INBOUND):
            raise
        return None, [f"Replies are not taken: {refusal}", *told]


_INBOUND = ("INBOUND_TOKEN", "INBOUND_SECRET", "TWILIO_AUTH_TOKEN")
