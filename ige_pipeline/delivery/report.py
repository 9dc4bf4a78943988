"""What Dagster is told: one materialization for each asset and hour, with counts, tables, and links both ways."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from ige_pipeline.chart import columns, picture, stacked_bars
from ige_pipeline.delivery.tally import DeliveryReport
from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings
from ige_pipeline.stage import as_table, counts_as_metadata

# Dagster shows lineage from this hour on; older messages are delivered all the same.
FIRST_HOUR = datetime(2026, 1, 1, tzinfo=UTC)
_KEY = "%Y-%m-%d-%H:%M"
_ENDS = ("sent", "waiting", "expired", "cancelled", "dead")
_QUERIES = load(__package__, "report.sql")


def of_batch(
    conn: Connection,
    batch: Batch,
    closed: dict[str, Any],
    rows: list[dict[str, Any]],
    *,
    run_id: str,
    settings: Settings,
) -> Iterator[dg.AssetMaterialization]:
    """Tell what a batch decided and scheduled; a dry run materialises nothing."""
    if batch.dry_run:
        return
    about = {
        "batch": batch.id,
        "as_of": dg.MetadataValue.timestamp(batch.as_of),
        "seconds": (closed["closed_at"] - closed["opened_at"]).total_seconds(),
        "run": dg.MetadataValue.dagster_run(run_id),
        "explain": f"ige batches show {batch.id}",
    } | _console(settings, f"/batches/{batch.id}")
    yield _materialized("trigger_decisions", batch.batch_hour, about | _decided(conn, batch, closed))
    scheduled = about | {
        "scheduled": closed["counts"].get("scheduled", 0),
        "messages": as_table([_with_links(row, settings) for row in rows]),
        "delivered_messages": _link("delivered_messages", batch.batch_hour),
        "trigger_decisions": _link("trigger_decisions", batch.batch_hour),
    }
    yield _materialized("scheduled_messages", batch.batch_hour, scheduled)


def _decided(conn: Connection, batch: Batch, closed: dict[str, Any]) -> dict[str, Any]:
    """What a person reads comes first, then what Dagster plots."""
    counts = closed["counts"]
    reasons = conn.execute(_QUERIES["by_reason"], batch.key).fetchall()
    return (
        {
            "triggers": _by_trigger(conn, batch),
            "reasons": as_table(reasons),
            "scheduled_of_late": dg.MetadataValue.md(_of_late(conn, batch)),
            "scheduled_messages": _link("scheduled_messages", batch.batch_hour),
            "candidates": sum(counts.values()),
            "cost_usd": float(closed["cost_usd"]),
            "tokens": closed["tokens_in"] + closed["tokens_out"],
            "tokens_in": closed["tokens_in"],
            "tokens_out": closed["tokens_out"],
        }
        | counts_as_metadata("verdict", counts)
        | counts_as_metadata("trigger", closed["by_trigger"])
        | counts_as_metadata("reason", {row["reason"]: row["decisions"] for row in reasons})
    )


def _by_trigger(conn: Connection, batch: Batch) -> dg.MarkdownMetadataValue:
    """Return one row a trigger with its verdicts in words, and below them one bar each, in the same order."""
    found: dict[str, dict[str, int]] = {}
    for row in conn.execute(_QUERIES["by_trigger"], batch.key):
        found.setdefault(row["trigger"], {})[row["verdict"]] = row["decisions"]
    rows = [
        {"trigger": trigger, "candidates": sum(verdicts.values()), "verdicts": _in_words(verdicts)}
        for trigger, verdicts in found.items()
    ]
    bars = picture(stacked_bars(list(found.values())), "A bar a trigger, in this order")
    return dg.MetadataValue.md(f"{as_table(rows).value}\n\n{bars}")


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count)


def _of_late(conn: Connection, batch: Batch) -> str:
    late = [row["scheduled"] for row in conn.execute(_QUERIES["last_batches"], batch.key)]
    told = f"Messages of the last {len(late)} batches: {min(late, default=0)} to {max(late, default=0)}"
    return f"{picture(columns(late or [0]), told)}\n\n{told}, the newest on the right."


def _with_links(row: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """A message leads to its story: on the console where there is one, else as the command to type."""
    why = f"`ige why {row['contractor_id']} --message {row['message_id']}`"
    base = settings.console_url.rstrip("/")
    return {**row, "why": f"[story]({base}/messages/{row['message_id']})" if base else why}


def of_delivery(
    conn: Connection, done: DeliveryReport, *, run_id: str, settings: Settings
) -> Iterator[dg.AssetMaterialization]:
    """Tell every batch hour what this run delivered of it, and what has become of all its messages."""
    hours = sorted(done.delivered_by_hour)
    known = {row["batch_hour"]: row for row in conn.execute(_QUERIES["hours"], {"hours": hours})} if hours else {}
    for hour in hours:
        # Messages of other programs belong to an hour, and to no batch.
        now = known.get(hour, {"sent": done.delivered_by_hour[hour]})
        ends = {name: int(now.get(name, 0)) for name in _ENDS}
        about = {
            "delivered": ends["sent"],
            "delivered_by_this_run": done.delivered_by_hour[hour],
            "seconds_of_this_run": round(done.seconds, 1),
            "seconds_to_delivery/p50": round(now.get("p50_seconds", 0.0), 1),
            "seconds_to_delivery/p95": round(now.get("p95_seconds", 0.0), 1),
            **counts_as_metadata("messages", ends),
            "now": dg.MetadataValue.md(f"{picture(stacked_bars([ends]), _in_words(ends))}\n\n{_in_words(ends)}"),
            "scheduled_messages": _link("scheduled_messages", hour),
            "run": dg.MetadataValue.dagster_run(run_id),
        }
        yield _materialized("delivered_messages", hour, about | _console(settings, "/messages"))


def _console(settings: Settings, path: str) -> dict[str, Any]:
    base = settings.console_url.rstrip("/")
    return {"console": dg.MetadataValue.url(base + path)} if base else {}


def _link(asset: str, hour: datetime) -> dg.MetadataValue:
    """Lead from a batch to its deliveries and back, on this Dagster's own pages."""
    return dg.MetadataValue.url(f"/assets/{asset}?view=partitions&partition={hour.astimezone(UTC).strftime(_KEY)}")


def _materialized(asset: str, hour: datetime, metadata: dict[str, Any]) -> dg.AssetMaterialization:
    partition = hour.astimezone(UTC).strftime(_KEY) if hour >= FIRST_HOUR else None
    return dg.AssetMaterialization(dg.AssetKey(asset), partition=partition, metadata=metadata)
