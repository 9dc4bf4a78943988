"""A batch: one scheduling run's question, asked as of one moment. Found again by the root run's id."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb

from ige_pipeline.ledger.home import require_home
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal

_QUERIES = load(__package__, "batch.sql")


@dataclass(frozen=True)
class Batch:
    """One batch. `as_of` is what triggers take for now; `decided_on` is the UTC day its decisions lie under."""

    id: int
    root_run_id: str
    partition_key: str | None
    batch_hour: datetime
    as_of: datetime
    triggers: tuple[str, ...]
    dry_run: bool
    decided_on: date

    @property
    def key(self) -> dict[str, Any]:
        """Return the two parameters that find the batch's decisions in one partition of the ledger."""
        return {"batch_id": self.id, "decided_on": self.decided_on}


def open_batch(
    conn: Connection,
    *,
    root_run_id: str,
    triggers: Iterable[str],
    settings: dict[str, Any],
    as_of: datetime | None = None,
    partition_key: str | None = None,
    dry_run: bool = False,
) -> Batch:
    """Open the batch of a root run, or find the one it opened before. Without `as_of`, the database's now is taken."""
    values = {
        "root_run_id": root_run_id,
        "partition_key": partition_key,
        "as_of": as_of,
        "triggers": list(triggers),
        "dry_run": dry_run,
        "settings": Jsonb(settings),
    }
    if not dry_run:
        require_in_service(conn)
    if as_of is not None and not dry_run:
        _require_past(conn, as_of)
    # By itself: within the transaction that makes the day's partition, two batches would wait for one another.
    conn.execute(_QUERIES["close_left_behind"])
    with conn.transaction():
        conn.execute(_QUERIES["open_batch"], values)
        batch = find_batch(conn, root_run_id)
        conn.execute(_QUERIES["prepare_decisions"], {"decided_on": batch.decided_on})
    return batch


def require_in_service(conn: Connection) -> None:
    """Refuse to schedule or send anything after `ige retire`, and in a copy: another system sends the same."""
    require_home(conn)
    row = conn.execute(_QUERIES["retired"]).fetchone()
    if row is not None:
        raise Refusal(f"This system is retired ({row['reason']}): `ige retire --undo` brings it back.")


def _require_past(conn: Connection, as_of: datetime) -> None:
    """What is due in a future hour must not be sent before it."""
    row = conn.execute(_QUERIES["lies_ahead"], {"as_of": as_of}).fetchone()
    if row is None or row["lies_ahead"]:
        raise Refusal("as_of lies in the future: a batch may look ahead only as a dry run.")


def find_batch(conn: Connection, root_run_id: str) -> Batch:
    """Return the batch of a root run; Refusal when its first op never ran."""
    row = conn.execute(_QUERIES["find_batch"], {"root_run_id": root_run_id}).fetchone()
    if row is None:
        raise Refusal("This run has no batch: start schedule_messages_job from its first op, evaluate_triggers.")
    return Batch(**row | {"triggers": tuple(row["triggers"])})


@contextmanager
def alone_with(conn: Connection, batch: Batch, *, shard: str | None = None) -> Iterator[None]:
    """Be the only one at work on a batch's candidates, or on one shard of them: those are seen to side by side.

    Another run of the same op waits a minute for the first to end; Refusal when it does not.
    """
    part = "whole_batch" if shard is None else "shard"
    asked = batch.key | {"shard": shard}
    try:
        with conn.transaction():
            conn.execute("SET LOCAL lock_timeout = '60s'")
            conn.execute(_QUERIES[f"take_{part}"], asked)
    except errors.LockNotAvailable:
        raise Refusal(f"Another run is at work on batch {batch.id}: end it, or wait until it has ended.") from None
    try:
        yield
    finally:
        # A connection that broke has let go of it; so has Postgres.
        if not conn.broken and conn.info.transaction_status is not TransactionStatus.INERROR:
            conn.execute(_QUERIES[f"leave_{part}"], asked)


def close_batch(conn: Connection, batch: Batch) -> dict[str, Any]:
    """Write the batch's counts, tokens and cost beside it and return that row."""
    row = conn.execute(_QUERIES["close_batch"], batch.key).fetchone()
    if row is None:
        raise RuntimeError(f"Batch {batch.id} is gone.")
    return row


def recount(conn: Connection, batch_ids: Iterable[int]) -> None:
    """Write anew what became of the decisions of batches that have ended."""
    if ids := sorted(set(batch_ids)):
        conn.execute(_QUERIES["recount"], {"batch_ids": ids})


def retire_decisions(conn: Connection, *, keep_days: int) -> int:
    """Drop the days of the ledger that are older, less what led to a message; return how many days went.

    What a batch left behind unasked is explained first. Each day goes in a transaction of its own, so that nobody waits
    for more than one; where somebody reads the ledger for long, the next night tries again. With the days go what was
    kept of them for messages that are gone, the attempts of messages that never left and the batches of which nothing
    is left, in statements that nobody waits for.
    """
    keep = {"keep_days": keep_days}
    days = 0
    try:
        with _impatient(conn):
            explain_left_behind(conn)
        while _retire_day(conn, keep):
            days += 1
    except errors.LockNotAvailable:
        pass
    if days:
        for what in ("retire_kept", "retire_attempts", "retire_batches"):
            conn.execute(_QUERIES[what], keep)
    return days


def _retire_day(conn: Connection, keep: dict[str, int]) -> bool:
    with _impatient(conn):
        row = conn.execute(_QUERIES["retire_decisions"], keep).fetchone()
    return bool(row and row["days"])


@contextmanager
def _impatient(conn: Connection) -> Iterator[None]:
    """Wait a second for a lock: whoever comes meanwhile waits behind us."""
    with conn.transaction():
        conn.execute("SET LOCAL lock_timeout = '1s'")
        yield


def explain_left_behind(conn: Connection) -> None:
    """Explain what batches that ended a day ago before their last stage left undecided."""
    conn.execute(_QUERIES["close_left_behind"])
    for key in conn.execute(_QUERIES["unfinished"]).fetchall():
        conn.execute(_QUERIES["fail_undecided"], key)
        conn.execute(_QUERIES["count_unfinished"], key)
