"""Everything that Dagster loads, put together once: `build_definitions` for tests, `defs` for Dagster."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ige_pipeline.environment import Environment
from ige_pipeline.executors import executor_of
from ige_pipeline.jobs import (
    asset_checks,
    assets,
    deliver_messages_job,
    housekeep_job,
    schedule_messages_job,
    track_outcomes_job,
)
from ige_pipeline.logs import configure
from ige_pipeline.refusal import Refusal
from ige_pipeline.resources import default_resources
from ige_pipeline.schedules import build_schedules
from ige_pipeline.sensors import build_sensors
from ige_pipeline.settings import Settings
from ige_pipeline.stage import DatabaseSource
from ige_pipeline.tracing import trace_where_asked


def build_definitions(
    resources: Mapping[str, Any] | None = None,
    *,
    schedules_on: bool = False,
    executor: str = "in_process",
    celery_url: str = "",
    database: DatabaseSource | None = None,
) -> dg.Definitions:
    """Return the two jobs, their assets and schedules over the given resources (default: those of production)."""
    database = database or Environment.of_process().database

    def settings() -> Settings:
        return Environment.of_process().settings()

    return dg.Definitions(
        assets=assets,
        asset_checks=asset_checks,
        jobs=[schedule_messages_job, deliver_messages_job, track_outcomes_job, housekeep_job],
        schedules=build_schedules(on=schedules_on, database=database, settings=settings),
        sensors=build_sensors(
            on=schedules_on,
            database=database,
            settings=settings,
            alerts=lambda: Environment.of_process().alert_webhook,
        ),
        resources=default_resources() | dict(resources or {}),
        executor=executor_of(executor, celery_url=celery_url),
    )


def of_surroundings() -> dg.Definitions:
    """Return what this process's environment asks for; a Refusal is told as Dagster tells what it cannot load."""
    surroundings = Environment.of_process()
    try:
        configure(surroundings.log_format)
        trace_where_asked(surroundings.get)
        return build_definitions(
            schedules_on=surroundings.schedules_on,
            executor=surroundings.executor,
            celery_url=surroundings.celery_url,
        )
    except Refusal as refusal:
        raise dg.DagsterInvalidDefinitionError(str(refusal)) from None


defs = of_surroundings()
