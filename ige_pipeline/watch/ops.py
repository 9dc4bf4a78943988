"""Dagster glue of this room: the outbox as each delivery run leaves it, and the checks of every asset."""

from collections.abc import Iterator

import dagster as dg

from ige_pipeline.delivery import outbox
from ige_pipeline.delivery.alert import open_alerts
from ige_pipeline.delivery.life import show_life
from ige_pipeline.run_request import RunRequest
from ige_pipeline.stage import DatabaseSource, as_table, stage_op
from ige_pipeline.watch.figures import read
from ige_pipeline.watch.judge import CHECKS, Check, Judged, judge


@stage_op(kinds={"postgres"})
def report_backlog(
    context: dg.OpExecutionContext, request: dg.ResourceParam[RunRequest], database: dg.ResourceParam[DatabaseSource]
) -> None:
    """Say what is still unsent, whether the pace keeps up with what arrives, and what a person should look at.

    Materialises `outbox`, whose plots show how the backlog comes and goes, and whose freshness that runs succeed.
    """
    settings = request.settings()
    with database().connect() as conn:
        show_life(conn, run_id=context.run_id)
        now = outbox.backlog(conn, adopted=outbox.standing(conn).adopted)
        coming = outbox.forecast(conn, settings, unsent=now["unsent"])
        alerts, seen = open_alerts(conn), read(conn)
    rates = {name: value for name, value in coming.as_json().items() if value is not None}
    figures = now | rates | {"oldest_due_minutes": round(seen.oldest_due_minutes, 1), "dead_24h": seen.dead_in_a_day}
    if not request.dry_run:
        about = {**figures, "forecast": str(coming), "run": dg.MetadataValue.dagster_run(context.run_id)}
        context.log_event(dg.AssetMaterialization("outbox", metadata=about))
    context.add_output_metadata({**figures, "forecast": str(coming), "alerts": as_table(alerts)})
    context.log.info("Backlog: %s", now)
    if not coming.keeps_up:
        context.log.warning("%s.", str(coming))


@dg.multi_asset_check(
    specs=[dg.AssetCheckSpec(check.name, asset=check.asset, description=check.about) for check in CHECKS],
    can_subset=True,
    description="All checks, here and now. The sensor `checks_sensor` asks them every minute.",
)
def checks(
    context: dg.AssetCheckExecutionContext,
    request: dg.ResourceParam[RunRequest],
    database: dg.ResourceParam[DatabaseSource],
) -> Iterator[dg.AssetCheckResult]:
    """Ask Postgres once and say what each check makes of it."""
    with database().connect() as conn:
        judged = judge(read(conn), request.settings())
    for check in CHECKS:
        if dg.AssetCheckKey(dg.AssetKey(check.asset), check.name) in context.selected_asset_check_keys:
            found = evaluation(check, judged[check.name])
            yield dg.AssetCheckResult(
                asset_key=found.asset_key,
                check_name=found.check_name,
                passed=found.passed,
                severity=found.severity,
                description=found.description,
                metadata=found.metadata,
            )


def evaluation(check: Check, judged: Judged) -> dg.AssetCheckEvaluation:
    """Tell Dagster what a check found; value and limit become plots."""
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(check.asset),
        check_name=check.name,
        passed=judged.passed,
        severity=dg.AssetCheckSeverity.WARN if check.only_warns else dg.AssetCheckSeverity.ERROR,
        description=judged.sentence,
        metadata={"value": float(judged.value)} | ({} if judged.limit is None else {"limit": float(judged.limit)}),
    )
