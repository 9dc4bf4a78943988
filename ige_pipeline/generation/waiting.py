"""Drafts that wait for a person, seen from a batch that is about to write: it writes none of them a second time."""

from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "waiting.sql")


def skip_waiting(conn: Connection, batch: Batch, settings: Settings) -> int:
    """Decide against candidates whose draft waits, or was rejected lately; return how many there were."""
    return conn.execute(_QUERIES["skip_waiting"], settings.model_dump() | batch.key).rowcount


def pass_over_waiting(conn: Connection, batch: Batch, settings: Settings) -> None:
    """Skip them before anything is written; after a rejected one the contractor's next best has its turn.

    One that waits keeps its place, as an unsent message does: a person looks at one text for each contractor.
    """
    with conn.transaction():
        while skip_waiting(conn, batch, settings) and conn.execute(_QUERIES["next_best"], batch.key).rowcount:
            pass
