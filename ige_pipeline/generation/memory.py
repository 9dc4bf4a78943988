"""What a concierge would remember of somebody: what was said lately, and what came back."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ige_pipeline.generation.draft import Brief, Exchange
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load

_QUERIES = load(__package__, "memory.sql")
_AT_MOST = 3
_AT_ONCE = 1_000


def remember(conn: Connection, briefs: Sequence[Brief]) -> list[Brief]:
    """Return the briefs with the last exchanges of each contractor."""
    return [
        brief for start in range(0, len(briefs), _AT_ONCE) for brief in _some(conn, briefs[start : start + _AT_ONCE])
    ]


def _some(conn: Connection, briefs: Sequence[Brief]) -> Iterator[Brief]:
    asked = {"contractor_ids": sorted({brief.contractor_id for brief in briefs}), "at_most": _AT_MOST}
    said: dict[int, list[Exchange]] = {}
    for row in conn.execute(_QUERIES["exchanges"], asked):
        contractor_id = row.pop("contractor_id")
        said.setdefault(contractor_id, []).append(Exchange(**row))
    return (replace(brief, exchanges=tuple(said.get(brief.contractor_id, ()))) for brief in briefs)
