"""What batches hold for a person: drafts in review mode, each by itself, or all of one. Expired when nobody looks."""

from typing import Any

from ige_pipeline.generation.waiting import skip_waiting
from ige_pipeline.ledger.batch import Batch, recount
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "drafts.sql")


def hold_drafts(conn: Connection, batch: Batch, settings: Settings) -> None:
    """Hold a batch's drafts where the settings want a person to look; what waits already waits once."""
    values: dict[str, Any] = settings.model_dump() | batch.key
    skip_waiting(conn, batch, settings)
    if settings.review_drafts:
        conn.execute(_QUERIES["hold_drafts"], values)


def expire_unseen(conn: Connection, settings: Settings) -> None:
    """Expire what batches hold and nobody looked at in the time that their own settings gave; never for a preview."""
    _expire(conn, settings, "expire_held", "expire_waiting")


def expire_waiting(conn: Connection, settings: Settings) -> None:
    """Expire the drafts alone."""
    _expire(conn, settings, "expire_waiting")


def _expire(conn: Connection, settings: Settings, *queries: str) -> None:
    with conn.transaction():
        ended = [row["batch_id"] for query in queries for row in conn.execute(_QUERIES[query], settings.model_dump())]
        recount(conn, ended)


def count_waiting(conn: Connection) -> int:
    """Return how many drafts wait for a person, of whichever batch."""
    row = conn.execute(_QUERIES["count_waiting"]).fetchone()
    return int(row["drafts"]) if row else 0


def count_of_batch(conn: Connection, batch: Batch) -> int:
    """Return how many of a batch's drafts wait for a person; in a dry run, would."""
    row = conn.execute(_QUERIES["waiting_in_batch"], batch.key).fetchone()
    return int(row["drafts"]) if row else 0
