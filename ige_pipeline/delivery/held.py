"""What a batch holds for a person: drafts in review mode, each by itself. Expired when nobody looks."""

from typing import Any

from ige_pipeline.generation.waiting import skip_waiting
from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "drafts.sql")


def hold_drafts(conn: Connection, batch: Batch, settings: Settings) -> None:
    """Hold a batch's drafts where the settings want a person to look; what waits already waits once."""
    values: dict[str, Any] = settings.model_dump() | batch.key
    conn.execute(_QUERIES["expire_waiting"], values)
    skip_waiting(conn, batch, settings)
    if settings.review_drafts:
        conn.execute(_QUERIES["hold_drafts"], values)


def count_waiting(conn: Connection) -> int:
    """Return how many drafts wait for a person, of whichever batch."""
    row = conn.execute(_QUERIES["count_waiting"]).fetchone()
    return int(row["drafts"]) if row else 0


def count_of_batch(conn: Connection, batch: Batch) -> int:
    """Return how many of a batch's drafts wait for a person; in a dry run, would."""
    row = conn.execute(_QUERIES["waiting_in_batch"], batch.key).fetchone()
    return int(row["drafts"]) if row else 0
