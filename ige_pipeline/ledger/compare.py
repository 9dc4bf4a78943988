"""Batches side by side, and one at a time: what would change, what there was, what waits for approval."""

from typing import Any

from ige_pipeline.ledger.batch import Batch, find_batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal

_QUERIES = load(__package__, "compare.sql")


def differences(conn: Connection, one: Batch, other: Batch, *, examples: int) -> list[dict[str, Any]]:
    """Return candidates that two batches judged differently: verdict `now` and `then`, and the reasons of the no.

    Where the verdict is the same, `now` and `then` name what differs: the reasons, or by whom it was outranked.

    Of each kind of change so many examples; `of_this_kind` says how many there are. The commonest kind comes first.
    """
    values = {"one": one.id, "one_day": one.decided_on, "other": other.id, "other_day": other.decided_on}
    return conn.execute(_QUERIES["compare"], values | {"examples": examples}).fetchall()


def newest(conn: Connection, *, limit: int) -> list[dict[str, Any]]:
    """Return the newest batches with their counts."""
    return conn.execute(_QUERIES["batches"], {"limit": limit}).fetchall()


def by_id(conn: Connection, batch_id: int) -> Batch:
    """Return a batch by its id; Refusal when there is none."""
    row = conn.execute(_QUERIES["root_run_of"], {"batch_id": batch_id}).fetchone()
    if row is None:
        raise Refusal(f"There is no batch {batch_id}: `ige batches list` shows the newest.")
    return find_batch(conn, row["root_run_id"])


def held(conn: Connection, batch: Batch) -> list[dict[str, Any]]:
    """Return what a held batch would send: trigger, message type, how many, and one example."""
    return conn.execute(_QUERIES["held"], batch.key).fetchall()


def held_mark(conn: Connection, batch: Batch) -> str:
    """Return what stands for all that a batch holds, texts included: whoever releases it names it."""
    return str((conn.execute(_QUERIES["held_mark"], batch.key).fetchone() or {})["mark"])
