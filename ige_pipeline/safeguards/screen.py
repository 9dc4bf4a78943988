"""Ask the safeguards about a batch's candidates, let the highest priority of each contractor win, and write it down.

A batch may hold a million candidates: they are taken some ten thousand contractors at a time and kept in columns, and
only rows against which something may speak cost Python anything.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd

from ige_pipeline.ledger.batch import Batch, alone_with
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.lanes import side_by_side
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.batch_facts import AT_ONCE, fetch_frame, of_whole_contractors, with_facts
from ige_pipeline.safeguards.finding import Finding, missing
from ige_pipeline.safeguards.judgement import Columns, Findings, as_columns, blocked
from ige_pipeline.safeguards.phonebook import Sharing, look_up, read_others
from ige_pipeline.safeguards.plain import plain
from ige_pipeline.safeguards.ranking import outranked
from ige_pipeline.safeguards.recipient import FACTS, judge, quiet_at
from ige_pipeline.safeguards.record import record_candidates, record_decisions
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "screen.sql")
_PLACE = ("timezone", "phone_zones", "phone_state")


def screen_recipients(
    conn: Connection,
    batch: Batch,
    settings: Settings,
    *,
    consent_needed: bool = True,
    beside: Sequence[Connection] = (),
    at_once: int = AT_ONCE,
) -> None:
    """Decide about every candidate of `batch` that nobody looked at yet; those free to go stay undecided.

    `consent_needed` is false only where the endpoint is loopback, so that no text can leave. `beside` are further
    connections to work on; each piece, of about `at_once` candidates, is a transaction of its own.
    """
    with alone_with(conn, batch):
        undecided = fetch_frame(conn, _QUERIES["undecided"], batch.key)
        read_others(conn, region=settings.default_region)
        sharing = look_up(conn, undecided["contractor_id"].unique().tolist(), region=settings.default_region)
        screen_piece = partial(
            _screen_piece, batch=batch, settings=settings, consent_needed=consent_needed, sharing=sharing
        )
        side_by_side((conn, *beside), of_whole_contractors(undecided, at_once=at_once), screen_piece)
        conn.execute(_QUERIES["forget_candidates"], batch.key)


def _screen_piece(
    conn: Connection,
    candidates: pd.DataFrame,
    *,
    batch: Batch,
    settings: Settings,
    consent_needed: bool,
    sharing: Sharing,
) -> None:
    with conn.transaction():
        frame = with_facts(conn, candidates, settings, consent_needed=consent_needed, sharing=sharing, kept=True)
        findings, now = decide(frame, settings)
        _record(conn, batch, frame, findings, partial(as_columns, settings=settings, now=now))


def _record(
    conn: Connection, batch: Batch, frame: pd.DataFrame, findings: Findings, as_columns: Callable[[Findings], Columns]
) -> None:
    staged = frame["staged"].eq(other=True)
    new, known = frame[staged], frame[~staged]
    if len(new):
        stopped = new[new.index.isin(findings)]
        told = as_columns({index: findings[index] for index in stopped.index})
        record_candidates(conn, batch, new, told | {"ids": stopped["id"].astype(str).tolist()})
    if len(known):
        told = as_columns({index: findings.get(index, ()) for index in known.index})
        record_decisions(conn, batch, known, told | {"ids": known["id"].astype(str).tolist()})


def decide(frame: pd.DataFrame, settings: Settings) -> tuple[dict[int, Sequence[Finding]], datetime]:
    """Return {index: every finding} for rows of `with_facts` with any, outranked ones too, and the database's now."""
    now = frame["asked_at"].iloc[0].to_pydatetime()
    findings = screen(frame, settings, now=now)
    for index, lost in outranked(frame, blocked=blocked(findings)).items():
        findings[index] = [*findings.get(index, ()), *lost]
    return findings, now


def screen(frame: pd.DataFrame, settings: Settings, *, now: datetime) -> dict[int, Sequence[Finding]]:
    """Ask every safeguard about every row of a frame; return {index: every finding} for rows with any."""
    certain = plain(frame, settings, now=now)
    rest = frame[~certain]
    judged = judge(_rows(rest), settings, now=now, columns=frame.columns)
    found: dict[int, Sequence[Finding]] = {
        int(index): said for index, said in zip(rest.index, judged, strict=True) if said
    }
    return found | _asleep(frame[certain], settings, now)


def _asleep(frame: pd.DataFrame, settings: Settings, now: datetime) -> dict[int, Sequence[Finding]]:
    """Thousands live in a few hundred places: each place is asked about once."""
    at: dict[tuple[str, ...], tuple[Finding, ...]] = {}
    found: dict[int, Sequence[Finding]] = {}
    if frame.empty:
        return found
    columns = [["" if missing(each) else each for each in frame[name].tolist()] for name in _PLACE]
    for index, place in zip(frame.index.tolist(), zip(*columns, strict=True), strict=True):
        if place not in at:
            finding = quiet_at(*place, settings=settings, now=now)
            at[place] = () if finding is None else (finding,)
        if at[place]:
            found[index] = at[place]
    return found


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
