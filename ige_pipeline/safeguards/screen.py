"""Ask the safeguards about a batch's candidates, let the highest priority of each contractor win, and write it down.

A batch may hold a million candidates: they are taken some ten thousand at a time, most are decided by Postgres alone
(piece.py), and only rows against which something may speak come here.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd

from ige_pipeline.ledger.batch import Batch, alone_with
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.lanes import side_by_side
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.judgement import Columns, Findings, as_columns, blocked
from ige_pipeline.safeguards.phonebook import Sharing, look_up_batch
from ige_pipeline.safeguards.piece import (
    AT_ONCE,
    NEVER,
    OURS,
    Piece,
    Screening,
    Sources,
    contractors_of,
    cut,
    pieces_of,
    take,
    was_begun,
)
from ige_pipeline.safeguards.ranking import outranked
from ige_pipeline.safeguards.recipient import FACTS, judge
from ige_pipeline.safeguards.record import record_candidates, record_decisions
from ige_pipeline.safeguards.span import EVERYBODY, Span
from ige_pipeline.settings import Settings
from ige_pipeline.tracing import span

_QUERIES = load(__package__, "screen.sql")


def screen_recipients(
    conn: Connection,
    batch: Batch,
    settings: Settings,
    *,
    consent_needed: bool = True,
    beside: Sequence[Connection] = (),
    at_once: int = AT_ONCE,
    within: Span = EVERYBODY,
) -> None:
    """Decide about every candidate of `batch` that nobody looked at yet; those free to go stay undecided.

    `consent_needed` is false only where the endpoint is loopback, so that no text can leave. `beside` are further
    connections to work on; each piece, of about `at_once` candidates, is a transaction of its own. `within` is the
    shard to see to; those of one batch may be seen to at the same time.
    """
    shard = None if within == EVERYBODY else str(within)
    with alone_with(conn, batch, shard=shard):
        conn.execute(_QUERIES["take_over"], batch.key | {"first": within.first, "last": within.last})
        lanes = (conn, *beside)
        spans, sharing = cut_and_look_up(lanes, batch, settings, within=within, at_once=at_once)
        asked = Screening(batch, settings, consent_needed, sharing, begun=was_begun(conn, batch, within=within))
        side_by_side(lanes, pieces_of(conn, batch, spans), partial(screen_piece, asked=asked))
        conn.execute(_QUERIES["forget_candidates"], batch.key | {"first": within.first, "last": within.last})


def cut_and_look_up(
    lanes: Sequence[Connection],
    batch: Batch,
    settings: Settings,
    *,
    within: Span = EVERYBODY,
    at_once: int = AT_ONCE,
    sources: Sources = OURS,
) -> tuple[list[Span], Sharing]:
    """Cut a batch into spans of about so many candidates, and say which of its contractors share a phone number."""
    spans: list[Span] = []

    def many(conn: Connection) -> bool:
        spans[:] = cut(conn, batch, within=within, at_once=at_once, sources=sources)
        return len(spans) > 1

    def whose(conn: Connection) -> str:
        return contractors_of(conn, batch, within=within, sources=sources)

    sharing = look_up_batch(lanes, whose, many=many, region=settings.default_region)
    return spans, sharing


def screen_piece(conn: Connection, piece: Piece, *, asked: Screening, sources: Sources = OURS) -> None:
    """Decide about a piece of a batch in one transaction."""
    with span("screen_piece", first=piece.span.first, last=piece.span.last), conn.transaction():
        frame = take(conn, piece, asked, sources=sources)
        findings, now = decide(frame, asked.settings)
        staged = frame["staged"].eq(other=True)
        new, known = (_told(rows, findings, asked.settings, now=now) for rows in (frame[staged], frame[~staged]))
        record_candidates(conn, asked.batch, piece, new, begun=asked.begun)
        if known["ids"]:
            record_decisions(conn, asked.batch, frame[~staged], known)


def _told(rows: pd.DataFrame, findings: Findings, settings: Settings, *, now: datetime) -> Columns:
    said = as_columns({index: findings.get(index, ()) for index in rows.index}, settings, now=now)
    return said | {"ids": rows["id"].astype(str).tolist()}


def decide(frame: pd.DataFrame, settings: Settings) -> tuple[dict[int, Sequence[Finding]], datetime]:
    """Return {index: every finding} for rows of `with_facts` with any, outranked ones too, and the database's now."""
    if frame.empty:
        return {}, NEVER
    now = frame["asked_at"].iloc[0].to_pydatetime()
    findings = _screen_alike(frame, settings, now=now)
    for index, lost in outranked(frame, blocked=blocked(findings)).items():
        findings[index] = [*findings.get(index, ()), *lost]
    return findings, now


def screen(frame: pd.DataFrame, settings: Settings, *, now: datetime) -> dict[int, Sequence[Finding]]:
    """Ask every safeguard about every row of a frame; return {index: every finding} for rows with any."""
    judged = judge(_rows(frame), settings, now=now, columns=frame.columns)
    return {int(index): said for index, said in zip(frame.index, judged, strict=True) if said}


def _screen_alike(frame: pd.DataFrame, settings: Settings, *, now: datetime) -> dict[int, Sequence[Finding]]:
    """Do the same where what is known of a contractor is the same in all of their rows.

    Rows that differ in nothing that a safeguard looks at are asked about once, and share what was found.
    """
    alike = _alike(frame)
    said = screen(frame[~alike.duplicated()], settings, now=now)
    numbers: dict[int, int] = dict(zip(frame.index.tolist(), alike.tolist(), strict=True))
    found = {numbers[index]: findings for index, findings in said.items()}
    return {index: found[number] for index, number in numbers.items() if number in found}


def _alike(frame: pd.DataFrame) -> "pd.Series[int]":
    """Number the rows so that those have one number of which the safeguards must say the same."""
    own = frame[[name for name in ("contractor_id", "changed_since", "promised") if name in frame]]
    if {"message_type", "recent_types"} <= set(frame.columns):
        # The type matters only where a cap may have been reached, and only then are the types before it told.
        own = own.assign(message_type=frame["message_type"].where(frame["recent_types"].notna()))
    return own.groupby(list(own.columns), dropna=False, sort=False).ngroup()


def _rows(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Walk over a frame's rows as plain values: column by column, which costs a tenth of taking row by row apart."""
    names = [name for name in frame.columns if name in FACTS or name == "promised"]
    values = [_plain(frame[name]) for name in names]
    return (dict(zip(names, row, strict=True)) for row in zip(*values, strict=True))


def _plain(column: "pd.Series[Any]") -> list[Any]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return pd.DatetimeIndex(column).to_pydatetime().tolist()
    return column.tolist()


def count_verdicts(conn: Connection, batch: Batch) -> dict[str, int]:
    """Return {verdict: decisions} of a batch; those still open are `undecided`."""
    return {row["verdict"]: row["decisions"] for row in conn.execute(_QUERIES["verdicts"], batch.key)}


def count_reasons(conn: Connection, batch: Batch) -> dict[str, int]:
    """Return {reason: decisions} of a batch, the most frequent first."""
    return {row["reason"]: row["decisions"] for row in conn.execute(_QUERIES["blocking_reasons"], batch.key)}
