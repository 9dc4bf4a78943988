"""A piece of a batch, some ten thousand candidates: what Postgres can say of it, and what is left to the safeguards.

Most candidates are plain: only the hour may speak against them. Postgres decides about those by itself and they never
travel; a sieve in `piece.sql` finds them, and a test holds it to what the safeguards say. The others come as a frame.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from psycopg import sql

from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.batch_facts import as_times, facts_asked, fetch_frame
from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.judgement import as_columns
from ige_pipeline.safeguards.phonebook import Sharing
from ige_pipeline.safeguards.reason import Reason
from ige_pipeline.safeguards.recipient import quiet_at
from ige_pipeline.safeguards.sieve import bounds
from ige_pipeline.safeguards.span import EVERYBODY, Span, spans_between
from ige_pipeline.settings import Settings

_FACTS = load(__package__, "facts.sql")
_QUERIES = load(__package__, "piece.sql")
_PLACE = ("timezone", "phone_zones", "phone_state")
AT_ONCE = 15_000
NEVER = datetime.max.replace(tzinfo=UTC)
"""The moment of nobody: where there is no row, none is asked about."""


@dataclass(frozen=True)
class Sources:
    """Where a batch's candidates lie, and what says what is known of their contractors."""

    candidates: sql.Composable = field(default_factory=lambda: sql.Identifier("ige_batch_candidates"))
    facts: sql.Composable = field(default_factory=lambda: sql.SQL(_FACTS["recipient_facts"] + "\n"))


OURS = Sources()


@dataclass(frozen=True)
class Piece:
    """A span of a batch's contractors, and the undecided decisions about them that are in the ledger already."""

    span: Span
    promised_ids: Sequence[int]

    def key(self, batch: Batch) -> dict[str, Any]:
        """Return what its statements ask for."""
        return batch.key | {"first": self.span.first, "last": self.span.last, "promised_ids": list(self.promised_ids)}


@dataclass(frozen=True)
class Screening:
    """What holds for all pieces of a batch. `begun`: some of it was screened by a run that broke off."""

    batch: Batch
    settings: Settings
    consent_needed: bool
    sharing: Sharing
    begun: bool = False


def cut(
    conn: Connection, batch: Batch, *, within: Span = EVERYBODY, at_once: int = AT_ONCE, sources: Sources = OURS
) -> list[Span]:
    """Return spans that cover `within`, each with about so many undecided candidates; none where there are none.

    Rivals of one contractor stay together.
    """
    asked = batch.key | {"first": within.first, "last": within.last, "at_once": at_once}
    rows = conn.execute(statement("cut", sources), asked, prepare=False)
    return spans_between([int(row["last"]) for row in rows], within)


def pieces_of(conn: Connection, batch: Batch, spans: Sequence[Span]) -> Iterator[Piece]:
    """Return the pieces of these spans, which follow one another."""
    if not spans:
        return
    asked = batch.key | {"first": spans[0].first, "last": spans[-1].last}
    rows = conn.execute(_QUERIES["unscreened"], asked).fetchall()
    contractors = [row["contractor_id"] for row in rows]
    for span in spans:
        theirs = slice(bisect_left(contractors, span.first), bisect_right(contractors, span.last))
        yield Piece(span, [row["id"] for row in rows[theirs]])


def contractors_of(conn: Connection, batch: Batch, *, within: Span = EVERYBODY, sources: Sources = OURS) -> str:
    """Return whose undecided candidates a batch has, as the text of an array: `{1,2}`."""
    (whole,) = pieces_of(conn, batch, [within])
    return _contractors(conn, whole.key(batch), sources)


def was_begun(conn: Connection, batch: Batch, *, within: Span = EVERYBODY) -> bool:
    """Whether the safeguards have looked at some of these contractors' candidates already."""
    asked = batch.key | {"first": within.first, "last": within.last}
    row = conn.execute(_QUERIES["begun"], asked).fetchone()
    return bool(row and row["begun"])


def take(conn: Connection, piece: Piece, asked: Screening, *, sources: Sources = OURS) -> pd.DataFrame:
    """Lay a piece out in temporary tables of this transaction and return those whom the safeguards have to look at.

    `kept_facts` holds what is known of each contractor and how the ledger keeps it; `piece` the candidates, and what
    will be recorded of those who are `sure`.
    """
    key = piece.key(asked.batch)
    conn.execute(_QUERIES["forget_piece"])
    ids = _contractors(conn, key, sources)
    shared = asked.sharing.between(piece.span.first, piece.span.last)
    known = facts_asked(ids, asked.settings, shared=shared) | bounds(
        asked.settings, consent_needed=asked.consent_needed
    )
    conn.execute(sql.SQL(_QUERIES["keep_facts"]).format(facts=sources.facts), known, prepare=False)
    conn.execute(_QUERIES["plan_for_hashes"])
    key |= {"begun": asked.begun} | _places(conn, asked.settings)
    conn.execute(statement("take_piece", sources), key, prepare=False)
    frame = fetch_frame(conn, statement("unsure"), {})
    return as_times(frame).assign(consent_needed=asked.consent_needed)


def statement(name: str, sources: Sources = OURS, **parts: sql.Composable) -> sql.Composed:
    """Compose a statement about a piece."""
    tables = {"facts": sql.Identifier("kept_facts"), "piece": sql.Identifier("piece"), "candidates": sources.candidates}
    return sql.SQL(_QUERIES[name]).format(**tables, **parts)


def _contractors(conn: Connection, key: dict[str, Any], sources: Sources) -> str:
    row = conn.execute(statement("contractors", sources), key, prepare=False).fetchone()
    return str((row or {})["ids"])


def _places(conn: Connection, settings: Settings) -> dict[str, list[str]]:
    """Ask of each place what the hour is there; one of which that cannot be said is left out."""
    rows = conn.execute(statement("places"), prepare=False).fetchall()
    said: dict[str, list[str]] = {name: [] for name in ("timezones", "phone_zones", "phone_states")}
    found: dict[int, tuple[Finding, ...]] = {}
    for row in rows:
        place = tuple(row[name] for name in _PLACE)
        finding = quiet_at(*place, settings=settings, now=row["asked_at"])
        if finding is not None and finding.reason is not Reason.QUIET_HOURS:
            continue
        for column, name in zip(said.values(), place, strict=True):
            column.append(name)
        found[len(found)] = () if finding is None else (finding,)
    return said | as_columns(found, settings, now=rows[0]["asked_at"] if rows else NEVER)
