"""Into which shards a large batch is split: spans of contractors, so that all that one could hear lies in one shard.

A shard's name is all that travels; what it holds is found in Postgres. A small batch has none and goes straight on.
"""

from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.piece import cut
from ige_pipeline.safeguards.span import Span, spans_between
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "screen.sql")


def of_candidates(conn: Connection, batch: Batch, settings: Settings) -> list[str]:
    """Name the shards in which a batch's undecided candidates are screened; none if one would do."""
    return _named(cut(conn, batch, at_once=settings.shard_size))


def of_texts(conn: Connection, batch: Batch, settings: Settings) -> list[str]:
    """Name the shards in which a batch's unreviewed texts are checked; none if one would do."""
    asked = batch.key | {"at_once": settings.shard_size}
    return _named(spans_between([int(row["last"]) for row in conn.execute(_QUERIES["cut_texts"], asked)]))


def _named(spans: list[Span]) -> list[str]:
    return [str(span) for span in spans] if len(spans) > 1 else []
