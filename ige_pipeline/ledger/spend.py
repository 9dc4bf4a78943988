"""What a model may cost and has cost, over all runs of a batch and of a UTC day. Sums are USD."""

from decimal import Decimal
from typing import Protocol

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load

_QUERIES = load(__package__, "spend.sql")


class Payer(Protocol):
    """Whose spending it is: that of a batch, whose id is above zero, or of something else that has one below."""

    @property
    def id(self) -> int:
        """Return the number that it is kept under."""
        ...


def taken(conn: Connection, batch: Payer) -> tuple[Decimal, Decimal]:
    """Return what has been spent or set aside: by this batch, and on this UTC day by all."""
    row = conn.execute(_QUERIES["taken"], {"batch_id": batch.id}).fetchone()
    return (row["by_batch"], row["by_day"]) if row else (Decimal(0), Decimal(0))


def take(
    conn: Connection, batch: Payer, *, needed: Decimal, wanted: Decimal, per_batch: Decimal, per_day: Decimal
) -> tuple[Decimal, str]:
    """Take at most `wanted` from both limits; return it with "", or zero with the limit that leaves less than needed.

    The limit is named by its reason, `spend_per_batch` or `spend_per_day`.
    """
    with conn.transaction():
        conn.execute(_QUERIES["take_turns"])
        by_batch, by_day = taken(conn, batch)
        left, reason = min((per_batch - by_batch, "spend_per_batch"), (per_day - by_day, "spend_per_day"))
        if left < needed or left <= 0:
            return Decimal(0), reason
        granted = max(needed, min(wanted, left))
        conn.execute(_QUERIES["take"], {"batch_id": batch.id, "usd": granted})
    return granted, ""


def give_back(conn: Connection, batch: Payer, usd: Decimal) -> None:
    """Return what was taken and not spent; below zero, add what was spent beyond it."""
    if usd:
        conn.execute(_QUERIES["give_back"], {"batch_id": batch.id, "usd": usd})
