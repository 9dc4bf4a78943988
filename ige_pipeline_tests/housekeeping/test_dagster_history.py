"""What Dagster keeps of old runs: partitions show what they showed, and nothing else is left."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from ige_pipeline.housekeeping.dagster_history import prune
from ige_pipeline_tests.dagster_instances import ROOT, instance_at

HOUR = "2026-03-01-14:00"
hours = dg.HourlyPartitionsDefinition(start_date=datetime(2026, 1, 1, tzinfo=UTC))


@dg.op
def report(context: dg.OpExecutionContext) -> None:
    context.log.info("A line that nobody reads in a month.")
    if context.has_partition_key:
        context.log_event(dg.AssetMaterialization("decided", partition=context.partition_key, metadata={"found": 3}))
    else:
        context.log_event(dg.AssetMaterialization("delivered", partition=HOUR, metadata={"sent": 3}))
        context.log_event(dg.AssetMaterialization("outbox", metadata={"unsent": 1}))
        context.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(asset_key=dg.AssetKey("outbox"), check_name="oldest_due", passed=True)
        )


@dg.job(partitions_def=hours)
def deciding() -> None:
    report()


@dg.job
def delivering() -> None:
    report()


@pytest.fixture(params=["sqlite", "postgres"])
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    config = ROOT / "dagster.yaml"
    if request.param == "postgres":
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", request.getfixturevalue("empty_database_url"))
        config = ROOT / "deploy" / "dagster.yaml"
    with instance_at(tmp_path / "home", config) as opened:
        yield opened


def test_what_partitions_show_stays_and_all_else_of_old_runs_goes(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    decided = deciding.execute_in_process(instance=instance, partition_key=HOUR)
    _, second = (delivering.execute_in_process(instance=instance) for _ in range(2))

    nothing = prune(instance, before=datetime.now(UTC) - timedelta(days=1))
    gone = prune(instance, before=datetime.now(UTC) + timedelta(seconds=5))

    assert set(nothing.values()) == {0}
    assert gone["runs"] == 2
    assert gone["materializations"] == 2
    assert gone["check_results"] == 1
    assert gone["events"] >= 8
    # The matrix of partitions and runs, and each hour's figures.
    assert [run.run_id for run in instance.get_runs()] == [decided.run_id]
    assert instance.get_materialized_partitions(dg.AssetKey("decided")) == {HOUR}
    assert instance.get_materialized_partitions(dg.AssetKey("delivered")) == {HOUR}
    kept = [shown(instance, asset) for asset in ("decided", "delivered", "outbox")]
    assert kept == [[(decided.run_id, {"found": 3})], [(second.run_id, {"sent": 3})], [(second.run_id, {"unsent": 1})]]
    latest = instance.get_latest_materialization_event(dg.AssetKey("outbox"))
    assert latest is not None
    assert latest.run_id == second.run_id
    assert [path.name for path in tmp_path.glob("home/history/runs/*.db") if path.stem not in {"index", ".db"}] == []
    assert list(tmp_path.glob("home/storage/*/compute_logs")) == []


def test_each_hour_keeps_its_newest_figures_however_many_runs_reported_to_it(instance: dg.DagsterInstance) -> None:
    hours_before = ["2026-03-01-12:00", "2026-03-01-13:00", HOUR]
    for sent in range(1, 6):
        for hour in hours_before:
            report_sent(instance, hour, sent)
    kept_whole = datetime.now(UTC)
    for sent in (6, 7):
        report_sent(instance, HOUR, sent)

    gone = prune(instance, before=kept_whole)

    # The fifth of the last hour as well, for younger ones tell more.
    assert gone["materializations"] == 4 + 4 + 5
    assert [figures["sent"] for _, figures in shown(instance, "delivered")] == [7, 6, 5, 5]
    assert instance.get_materialized_partitions(dg.AssetKey("delivered")) == set(hours_before)
    assert prune(instance, before=kept_whole)["materializations"] == 0


def report_sent(instance: dg.DagsterInstance, hour: str, sent: int) -> None:
    instance.report_runless_asset_event(
        dg.AssetMaterialization("delivered", partition=hour, metadata={"sent": sent}),
    )


def shown(instance: dg.DagsterInstance, asset: str) -> list[tuple[str, dict[str, object]]]:
    """Return what an asset's page shows, the newest first: run, and figures."""
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=9).records
    events = [(record.run_id, record.asset_materialization) for record in records]
    return [(run, {name: each.value for name, each in event.metadata.items()}) for run, event in events if event]
