"""`ige completion`: what a shell needs to complete commands, options and their values."""

import click
from click.shell_completion import get_completion_class

from ige_pipeline.cli.output import say


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what a shell needs: `eval "$(ige completion bash)"` in ~/.bashrc, zsh likewise; fish: pipe into source."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.BadParameter(f"{shell} is not known to click")
    say(kind(context.find_root().command, {}, "ige", "_IGE_COMPLETE").source())
