"""The checks every minute, whether jobs run or not: what changes is told at once, the rest every quarter of an hour."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import dagster as dg
import psycopg

from ige_pipeline.postgres.refused import refused_sentence
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings
from ige_pipeline.stage import DatabaseSource
from ige_pipeline.watch.failure import end_of_failures
from ige_pipeline.watch.judge import CHECKS, Judged
from ige_pipeline.watch.ops import evaluation
from ige_pipeline.watch.round import look
from ige_pipeline.watch.tell import AlertTarget, target_of, tell
from ige_pipeline.watch.untold import UntoldAlerts

_EVERY_S = 60
# Each evaluation is an event that Dagster keeps.
_AT_LEAST_EVERY_S = 900


def build_checks_sensor(
    *,
    status: dg.DefaultSensorStatus,
    database: DatabaseSource,
    settings: Callable[[], Settings],
    alerts: AlertTarget,
    untold: UntoldAlerts,
) -> dg.SensorDefinition:
    """Return the sensor; it starts no run."""

    @dg.sensor(
        minimum_interval_seconds=_EVERY_S,
        default_status=status,
        description="Asks every check each minute, shows what it finds on the assets, and tells alerts; starts no run.",
    )
    def checks_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            with database().connect() as conn:
                untold.write_down(conn)
                done = look(conn, settings)
                end_of_failures(conn, context.instance)
                said = tell(conn, target_of(alerts), done.limits)
        except (Refusal, psycopg.Error) as error:
            said = untold.tell(target_of(alerts))
            why_not = str(error) if isinstance(error, Refusal) else refused_sentence(error)
            return dg.SkipReason(" ".join([why_not, *([said] if said else [])]))
        seen, judged = done.seen, done.judged
        told = json.loads(context.cursor or "{}")
        due = [check for check in CHECKS if is_news(judged[check.name], told.get(check.name), at=seen.asked_at)]
        told |= {check.name: [judged[check.name].passed, seen.asked_at.timestamp()] for check in due}
        return dg.SensorResult(
            asset_events=[evaluation(check, judged[check.name]) for check in due],
            cursor=json.dumps(told),
            skip_reason=" ".join([*(done.failing or ["All checks pass."]), *([said] if said else [])]),
        )

    return checks_sensor


def is_news(judged: Judged, told: Sequence[Any] | None, *, at: datetime) -> bool:
    """Whether it differs from what was `told` ([passed, seconds since 1970]), or that is a quarter of an hour ago."""
    return told is None or told[0] != judged.passed or at.timestamp() - told[1] >= _AT_LEAST_EVERY_S
