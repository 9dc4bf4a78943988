"""Drafts that wait for a person, seen from a batch that is about to write: it writes none of them a second time."""

from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "waiting.sql")


def skip_waiting(conn: Connection, batch: Batch, settings: Settings) -> int:
    """Decide against candidates whose draft waits, or was rejected lately; return how many there were."""
    return conn.execute(_QUERIES["skip_waiting"], settings.model_dump() | batch.key).rowcount
