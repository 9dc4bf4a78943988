"""What Dagster writes down of its runs, and never takes away by itself: events, runs, check results, captured logs.

What partitions show stays: the newest materialization of each, and the runs of a partition. Dagster's own `delete_run`
would take the materializations along. Works on the storage's own tables, on SQLite and on Postgres.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.instance.utils import RUNLESS_RUN_ID
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

# What an asset's page is made of.
KEPT = ("ASSET_MATERIALIZATION", "ASSET_OBSERVATION")
# A statement of this many rows holds no lock for long.
_AT_ONCE = 5_000
_RUNS_AT_ONCE = 500
_PARTITION = "dagster/partition"
_EVENTS = SqlEventLogStorageTable.c
_CHECKS = AssetCheckExecutionsTable.c


def prune(instance: dg.DagsterInstance, *, before: datetime) -> dict[str, int]:
    """Take away what ended before a moment (UTC); return how many events, check results and runs went."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return {}
    naive = before.replace(tzinfo=None)
    ended = list(_ended(instance, storage, before))
    for run_id, of_partition in ended:
        _drop_logs(instance, storage, run_id)
        if not of_partition:
            # Of the run only: its materializations stay.
            instance.run_storage.delete_run(run_id)
    if isinstance(storage, SqliteEventLogStorage):
        _empty_the_file_of_no_run(storage, naive)
    return {
        "events": _delete(storage, sa.select(_EVENTS.id).where(*_passing(naive))),
        "materializations": _delete(storage, sa.select(_EVENTS.id).where(*_superseded(naive))),
        "check_results": _delete_checks(storage, naive),
        "runs": sum(not of_partition for _, of_partition in ended),
    }


def _ended(instance: dg.DagsterInstance, storage: SqlEventLogStorage, before: datetime) -> Iterator[tuple[str, bool]]:
    """Walk over the runs that ended before a moment, and whether each is a partition's; nothing may go meanwhile.

    Those of partitions are kept for ever: of these only such as have events yet, which go after the runs do.
    """
    for filters in _filters(storage, before):
        cursor = None
        while page := instance.get_runs(filters, cursor=cursor, limit=_RUNS_AT_ONCE):
            yield from ((run.run_id, _PARTITION in run.tags) for run in page)
            cursor = page[-1].run_id


def _filters(storage: SqlEventLogStorage, before: datetime) -> Iterator[dg.RunsFilter]:
    ended: dict[str, Any] = {"statuses": list(FINISHED_STATUSES), "updated_before": before}
    if isinstance(storage, SqliteEventLogStorage):
        # A run's events are in a file of its own.
        yield dg.RunsFilter(**ended)
        return
    with storage.index_connection() as conn:
        left = sa.select(_EVENTS.run_id).where(*_passing(before.replace(tzinfo=None))).distinct()
        run_ids = [row[0] for row in conn.execute(left)]
    for at in range(0, len(run_ids), _RUNS_AT_ONCE):
        yield dg.RunsFilter(run_ids=run_ids[at : at + _RUNS_AT_ONCE], **ended)


def _drop_logs(instance: dg.DagsterInstance, storage: SqlEventLogStorage, run_id: str) -> None:
    """On SQLite each run has a file of its own, of over 100 kB even when nothing is in it."""
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    if isinstance(storage, SqliteEventLogStorage):
        for ending in ("", "-wal", "-shm"):
            Path(storage.path_for_shard(run_id) + ending).unlink(missing_ok=True)


def _empty_the_file_of_no_run(storage: SqliteEventLogStorage, before: datetime) -> None:
    """What sensors report is written there, and to the index as well."""
    with storage.run_connection(RUNLESS_RUN_ID) as conn:
        conn.execute(sa.delete(SqlEventLogStorageTable).where(_EVENTS.timestamp < before))


def _passing(before: datetime) -> Sequence[sa.ColumnElement[bool]]:
    """Log lines and steps of runs, changes of freshness, results of checks."""
    return [_EVENTS.timestamp < before, sa.func.coalesce(_EVENTS.dagster_event_type, "").not_in(KEPT)]


def _superseded(before: datetime) -> Sequence[sa.ColumnElement[bool]]:
    """What an asset, or one of its partitions, was before its newest figures.

    Each delivery run reports to every hour whose messages it delivered, and each report tells all of that hour.
    """
    shown = _EVENTS.dagster_event_type.in_(KEPT)
    newest = sa.select(sa.func.max(_EVENTS.id)).where(shown).group_by(_EVENTS.asset_key, _EVENTS.partition)
    return [_EVENTS.timestamp < before, shown, _EVENTS.id.not_in(newest)]


def _delete(storage: SqlEventLogStorage, chosen: sa.Select[tuple[int]]) -> int:
    gone = 0
    while True:
        with storage.index_connection() as conn:
            ids = [row[0] for row in conn.execute(chosen.limit(_AT_ONCE))]
            conn.execute(sa.delete(SqlEventLogStorageTable).where(_EVENTS.id.in_(ids)))
        gone += len(ids)
        if len(ids) < _AT_ONCE:
            return gone


def _delete_checks(storage: SqlEventLogStorage, before: datetime) -> int:
    """Keep of each check the newest result."""
    newest = sa.select(sa.func.max(_CHECKS.id)).group_by(_CHECKS.asset_key, _CHECKS.check_name)
    old = sa.delete(AssetCheckExecutionsTable).where(_CHECKS.create_timestamp < before, _CHECKS.id.not_in(newest))
    with storage.index_connection() as conn:
        return int(conn.execute(old).rowcount)
