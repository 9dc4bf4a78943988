"""`ige demo` and `ige up`: the whole system on this machine, as a sandbox or over one's own database and webhook."""

import os
from pathlib import Path

import click
from rich.console import Console


@click.command()
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".ige/sandbox"),
    show_default=True,
    help="Where the sandbox keeps its database, texts and Dagster's state.",
)
@click.option("--once", is_flag=True, help="End after the tables; for scripts.")
@click.pass_context
def demo(context: click.Context, state: Path, *, once: bool) -> None:
    """Play the whole system in a sandbox that cannot text anyone: what `make run` does."""
    from ige_pipeline.local.demo import run_demo  # noqa: PLC0415 - the receiver and the supervisor are not for others
    from ige_pipeline.local.round import DagsterRound  # noqa: PLC0415 - as above

    context.exit(run_demo(state, DagsterRound, environment=os.environ, console=Console(), once=once))


@click.command()
@click.pass_context
def up(context: click.Context) -> None:
    """Run Dagster with both schedules on, over IGE_DATABASE_URL and N8N_OUTBOUND_WEBHOOK_URL; state is kept."""
    from ige_pipeline.local.up import run_up  # noqa: PLC0415 - as above

    context.exit(run_up(Path.cwd(), environment=os.environ, console=Console()))
