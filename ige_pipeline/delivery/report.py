"""What Dagster is told: one materialization for each asset and hour, with counts, a preview, and links both ways."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from ige_pipeline.delivery.tally import DeliveryReport
from ige_pipeline.ledger.batch import Batch
from ige_pipeline.stage import as_table, counts_as_metadata

# Dagster shows lineage from this hour on; older messages are delivered all the same.
FIRST_HOUR = datetime(2026, 1, 1, tzinfo=UTC)
_KEY = "%Y-%m-%d-%H:%M"


def of_batch(
    batch: Batch, closed: dict[str, Any], rows: list[dict[str, Any]], *, run_id: str
) -> Iterator[dg.AssetMaterialization]:
    """Tell what a batch decided and scheduled; a dry run materialises nothing."""
    if batch.dry_run:
        return
    about = {
        "batch": batch.id,
        "as_of": dg.MetadataValue.timestamp(batch.as_of),
        "seconds": (closed["closed_at"] - closed["opened_at"]).total_seconds(),
        "cost_usd": float(closed["cost_usd"]),
        "tokens": closed["tokens_in"] + closed["tokens_out"],
        "run": dg.MetadataValue.dagster_run(run_id),
    }
    decided = (
        about
        | counts_as_metadata("verdict", closed["counts"])
        | counts_as_metadata("trigger", closed["by_trigger"])
        | {"scheduled_messages": _link("scheduled_messages", batch.batch_hour)}
    )
    scheduled = about | {
        "scheduled": closed["counts"].get("scheduled", 0),
        "preview": as_table(rows),
        "delivered_messages": _link("delivered_messages", batch.batch_hour),
    }
    yield _materialized("trigger_decisions", batch.batch_hour, decided)
    yield _materialized("scheduled_messages", batch.batch_hour, scheduled)


def of_delivery(
    done: DeliveryReport, *, run_id: str, totals: Mapping[datetime, int]
) -> Iterator[dg.AssetMaterialization]:
    """Tell every batch hour how many of its messages this run delivered, and all runs together (`totals`)."""
    for hour, delivered in sorted(done.delivered_by_hour.items()):
        about = {
            "delivered_by_this_run": delivered,
            "seconds_of_this_run": round(done.seconds, 1),
            "delivered": totals.get(hour, delivered),
            "scheduled_messages": _link("scheduled_messages", hour),
            "run": dg.MetadataValue.dagster_run(run_id),
        }
        yield _materialized("delivered_messages", hour, about)


def _link(asset: str, hour: datetime) -> dg.MetadataValue:
    """Lead from a batch to its deliveries and back, on this Dagster's own pages."""
    return dg.MetadataValue.url(f"/assets/{asset}?view=partitions&partition={hour.astimezone(UTC).strftime(_KEY)}")


def _materialized(asset: str, hour: datetime, metadata: dict[str, Any]) -> dg.AssetMaterialization:
    partition = hour.astimezone(UTC).strftime(_KEY) if hour >= FIRST_HOUR else None
    return dg.AssetMaterialization(dg.AssetKey(asset), partition=partition, metadata=metadata)
