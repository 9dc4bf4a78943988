"""`ige housekeep`: what housekeep_job does every night, here and now."""

from datetime import UTC, datetime, timedelta

import click

from ige_pipeline.cli.output import as_json, counts
from ige_pipeline.cli.run import json_option
from ige_pipeline.environment import Environment
from ige_pipeline.housekeeping.ours import sizes, tidy
from ige_pipeline.settings import Settings


@click.command()
@json_option
def housekeep(*, json_wanted: bool) -> None:
    """End what is older than it is kept: old days of the ledger and, where DAGSTER_HOME is set, Dagster's old runs."""
    environment = Environment.of_process()
    settings = environment.settings()
    with environment.checked_database().connect() as conn:
        told = {"gone": tidy(conn, settings), "left": sizes(conn)}
    if environment.get("DAGSTER_HOME") is not None:
        told["gone of Dagster's history"] = _prune_dagster(settings)
    if json_wanted:
        as_json(told)
        return
    for title, found in told.items():
        counts(title.capitalize(), found)


def _prune_dagster(settings: Settings) -> dict[str, int]:
    import dagster as dg  # noqa: PLC0415 - costs two seconds

    from ige_pipeline.housekeeping.dagster_history import prune  # noqa: PLC0415 - as above

    with dg.DagsterInstance.get() as instance:
        return prune(instance, before=datetime.now(UTC) - timedelta(days=settings.keep_runs_days))
