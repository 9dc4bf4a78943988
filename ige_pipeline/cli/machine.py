"""`ige demo` and `ige up`: the whole system on this machine, as a sandbox or over one's own database and webhook."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from ige_pipeline.environment import Environment


@dataclass(frozen=True)
class StagesByHand:
    """The two jobs' stages over the environment that the sandbox made."""

    environment: Environment

    def schedule(self) -> int:
        """Run one scheduling batch and return its id."""
        from ige_pipeline.cli.batch import schedule_batch  # noqa: PLC0415 - pandas costs a second

        batch, _ = schedule_batch(self.environment, settings=self.environment.settings())
        return batch.id

    def deliver(self, on_settled: Callable[[], None]) -> None:
        """Run one delivery run; `on_settled` is called for each message that ended somehow."""
        from ige_pipeline.cli.batch import deliver_once  # noqa: PLC0415 - as above

        settings = self.environment.settings()
        deliver_once(self.environment, settings=settings, progress=lambda _lease, _outcome: on_settled())


def by_hand(surroundings: Mapping[str, str]) -> StagesByHand:
    """Make the stages from the sandbox's environment."""
    return StagesByHand(Environment(dict(surroundings)))


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

    context.exit(run_demo(state, by_hand, environment=os.environ, console=Console(), once=once))


@click.command()
@click.pass_context
def up(context: click.Context) -> None:
    """Run Dagster with both schedules on, over IGE_DATABASE_URL and N8N_OUTBOUND_WEBHOOK_URL; state is kept."""
    from ige_pipeline.local.up import run_up  # noqa: PLC0415 - as above

    context.exit(run_up(Path.cwd(), environment=os.environ, console=Console()))
