"""The entry point `ige`: one group, a command a file; a refusal is one sentence and exit code 2."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click
import psycopg
from dotenv import load_dotenv

from ige_pipeline.logs import configure
from ige_pipeline.postgres.refused import refused_sentence
from ige_pipeline.refusal import Refusal
from ige_pipeline.tracing import trace_where_asked

# Commands are imported when they are called: pandas, Dagster and the SDK of the model cost seconds.
_COMMANDS = {
    "adopt": "sending",
    "bench": "bench",
    "batches": "batches",
    "cancel": "cancel",
    "chaos": "chaos",
    "completion": "completion",
    "dead": "dead",
    "demo": "machine",
    "doctor": "doctor",
    "endpoint": "endpoint",
    "eval": "eval",
    "housekeep": "housekeep",
    "metrics": "metrics",
    "migrate": "database",
    "opt-out": "opt_out",
    "pause": "pause",
    "preview": "run",
    "redrive": "dead",
    "restored": "restored",
    "replies": "opt_out",
    "resume": "pause",
    "retire": "retire",
    "run": "run",
    "serve": "serve",
    "start": "sending",
    "status": "status",
    "stop": "sending",
    "drafts": "drafts",
    "templates": "templates",
    "triggers": "triggers",
    "up": "machine",
    "watch": "watch",
    "why": "why",
}
_SHOWN = (
    "up",
    "serve",
    "demo",
    "migrate",
    "adopt",
    "run",
    "preview",
    "status",
    "doctor",
    "metrics",
    "watch",
    "completion",
    "why",
    "triggers",
    "templates",
    "drafts",
    "eval",
    "batches",
    "cancel",
    "pause",
    "resume",
    "opt-out",
    "replies",
    "dead",
    "redrive",
    "endpoint",
    "stop",
    "start",
    "retire",
    "restored",
    "housekeep",
    "bench",
    "chaos",
)


class Commands(click.Group):
    """A group that imports a command's module only when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order a newcomer needs them."""
        del ctx
        return list(_SHOWN)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module that holds the command."""
        del ctx
        if cmd_name not in _SHOWN:
            return None
        module = importlib.import_module(f"ige_pipeline.cli.{_COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Print a refusal, ours or that of Postgres, as one sentence; nothing else is meant to be read by a person."""
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            click.echo(f"ige: {refusal}", err=True)
            ctx.exit(2)
        except psycopg.Error as error:
            click.echo(f"ige: {refused_sentence(error)}", err=True)
            ctx.exit(2)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ige_pipeline")
def ige() -> None:
    """Decide who should hear from the concierge, write it, check it, send it, and explain it.

    Settings come from the environment (and from .env in this folder, which never overrides it), then from ige.toml.
    Exit codes: 0 done, 1 something needs a look or was not confirmed, 2 refused.
    """
    from ige_pipeline.environment import Environment  # noqa: PLC0415 - not for `--help`

    environment = Environment.of_process()
    configure(environment.log_format)
    trace_where_asked(environment.get)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; `.env` of the working folder fills what the environment leaves open."""
    load_dotenv(os.path.join(os.getcwd(), ".env"), override=False)  # noqa: PTH109, PTH118 - as dotenv wants it
    ige.main(args=list(sys.argv[1:] if arguments is None else arguments), prog_name="ige")


if __name__ == "__main__":
    main()
