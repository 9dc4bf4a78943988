"""Ask the safeguards about a batch's candidates, let the highest priority of each contractor win, and write it down.

A batch may hold a million candidates: they are taken some ten thousand contractors at a time and kept in columns, and
only rows against which something speaks cost Python anything.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from psycopg import sql
from psycopg.rows import tuple_row

from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.phonebook import Sharing, look_up, read_others
from ige_pipeline.safeguards.ranking import outranked
from ige_pipeline.safeguards.reason import Reason
from ige_pipeline.safeguards.recipient import FACTS, judge
from ige_pipeline.settings import Settings

_FACTS = load(__package__, "facts.sql")
_QUERIES = load(__package__, "screen.sql")
_FACTS_KEPT = sql.SQL(_QUERIES["facts_as_kept"]).format(facts=sql.SQL(_FACTS["recipient_facts"] + "\n"))
_TIMES = ("paused_until", "last_sent_at", "recent_last_sent_at", "complained_at", "asked_at")
# A reason that clears by itself and only delays: it moves the message, it does not end it.
_MOVES = {Reason.QUIET_HOURS}
_AT_ONCE = 50_000
# Between the values of a column on their way to Postgres: JSON and our own words never hold it.
_BETWEEN = "\x1e"


def screen_recipients(conn: Connection, batch: Batch, settings: Settings, *, consent_needed: bool = True) -> None:
    """Decide about every candidate of `batch` that nobody looked at yet; those free to go stay undecided.

    `consent_needed` is false only where the endpoint is loopback, so that no text can leave.
    """
    undecided = fetch_frame(conn, _QUERIES["undecided"], batch.key)
    read_others(conn, region=settings.default_region)
    sharing = look_up(conn, undecided["contractor_id"].unique().tolist(), region=settings.default_region)
    for candidates in of_whole_contractors(undecided):
        frame = with_facts(conn, candidates, settings, consent_needed=consent_needed, sharing=sharing, kept=True)
        findings, now = decide(frame, settings)
        columns = _columns(frame, findings, settings, now)
        with conn.transaction():
            conn.execute(_QUERIES["plan_for_many"])
            conn.execute(_QUERIES["record_screening"], columns | {"decided_on": batch.decided_on})


def decide(frame: pd.DataFrame, settings: Settings) -> tuple[dict[int, list[Finding]], datetime]:
    """Return {index: every finding} for rows of `with_facts` with any, outranked ones too, and the database's now."""
    now = frame["asked_at"].iloc[0].to_pydatetime()
    findings = screen(frame, settings, now=now)
    for index, lost in outranked(frame, blocked=blocked(findings)).items():
        findings[index] = findings.get(index, []) + lost
    return findings, now


def screen(frame: pd.DataFrame, settings: Settings, *, now: datetime) -> dict[int, list[Finding]]:
    """Ask every safeguard about every row of a frame; return {index: every finding} for rows with any."""
    judged = judge(_rows(frame), settings, now=now, columns=frame.columns)
    return {int(index): found for index, found in zip(frame.index, judged, strict=True) if found}


def _rows(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Walk over a frame's rows as plain values: column by column, which costs a tenth of taking row by row apart."""
    names = [name for name in frame.columns if name in FACTS or name == "promised"]
    values = [_plain(frame[name]) for name in names]
    return (dict(zip(names, row, strict=True)) for row in zip(*values, strict=True))


def _plain(column: "pd.Series[Any]") -> list[Any]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return pd.DatetimeIndex(column).to_pydatetime().tolist()
    return column.tolist()


def with_facts(
    conn: Connection,
    candidates: Sequence[dict[str, Any]] | pd.DataFrame,
    settings: Settings,
    *,
    consent_needed: bool = True,
    sharing: Sharing | None = None,
    kept: bool = False,
) -> pd.DataFrame:
    """Join candidates with what is known of their contractors now.

    Numbers that are new are read first, unless `sharing` says that this was done. `kept` adds the column
    `recipient_facts`: the same as JSON, the way the ledger keeps it.
    """
    frame = candidates if isinstance(candidates, pd.DataFrame) else pd.DataFrame(candidates)
    contractor_ids = sorted(set(frame["contractor_id"].tolist()))
    if sharing is None:
        sharing = look_up(conn, contractor_ids, region=settings.default_region)
    asked = (
        settings.model_dump()
        | sharing.of(contractor_ids)
        | {
            "contractor_ids": contractor_ids,
            "sending": False,
            "message_ids": [],
        }
    )
    facts = fetch_frame(conn, _FACTS_KEPT if kept else _FACTS["recipient_facts"], asked)
    for column in _TIMES:
        facts[column] = pd.to_datetime(facts[column], utc=True)
    known = frame.merge(facts, on="contractor_id", how="left", validate="many_to_one")
    return known.assign(consent_needed=consent_needed)


def fetch_frame(conn: Connection, query: str | sql.Composed, values: dict[str, Any]) -> pd.DataFrame:
    """Run a query and return its rows as a frame, by columns: a dict for each row would cost more than the query."""
    with conn.cursor(row_factory=tuple_row, binary=True) as cursor:
        # A plan kept for any number of values is made for ten, and takes minutes for 50,000.
        cursor.execute(query, values, prepare=False)
        names = [column.name for column in cursor.description or ()]
        pieces = [pd.DataFrame(columns=names)]
        while rows := cursor.fetchmany(_AT_ONCE):
            pieces.append(pd.DataFrame(dict(zip(names, zip(*rows, strict=True), strict=True))))
    return pd.concat(pieces[1:] or pieces, ignore_index=True)


def blocked(findings: dict[int, list[Finding]]) -> set[int]:
    """Return the rows that something stops and does not only move."""
    return {index for index, found in findings.items() if any(each.reason not in _MOVES for each in found)}


def count_verdicts(conn: Connection, batch: Batch) -> dict[str, int]:
    """Return {verdict: decisions} of a batch; those still open are `undecided`."""
    return {row["verdict"]: row["decisions"] for row in conn.execute(_QUERIES["verdicts"], batch.key)}


def count_reasons(conn: Connection, batch: Batch) -> dict[str, int]:
    """Return {reason: decisions} of a batch, the most frequent first."""
    return {row["reason"]: row["decisions"] for row in conn.execute(_QUERIES["blocking_reasons"], batch.key)}


def of_whole_contractors(candidates: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Cut a frame that is sorted by contractor into pieces; the rivals of one contractor stay together."""
    contractors = candidates["contractor_id"].to_numpy()
    start = 0
    while start < len(contractors):
        end = min(start + _AT_ONCE, len(contractors))
        end = int(contractors.searchsorted(contractors[end - 1], side="right"))
        yield candidates.iloc[start:end].reset_index(drop=True)
        start = end


def _columns(
    frame: pd.DataFrame, findings: dict[int, list[Finding]], settings: Settings, now: datetime
) -> dict[str, str]:
    """Write the frame's decisions as columns, each one text; an empty value is NULL."""
    reasons, verdicts, not_before, retry_at = (["[]"] * len(frame), *([""] * len(frame) for _ in range(3)))
    for index, found in findings.items():
        stops = [each for each in found if each.reason not in _MOVES]
        starts = max((each.clears_at for each in found if each.reason in _MOVES and each.clears_at), default=None)
        too_late = starts is not None and starts - now > timedelta(hours=settings.postpone_at_most_hours)
        reasons[index] = json.dumps([each.as_json() for each in found], default=str)
        verdicts[index] = _verdict(stops, too_late=too_late)
        not_before[index] = _moment(starts)
        retry_at[index] = _moment(_clears(stops) if stops else starts if too_late else None)
    written = {"verdicts": verdicts, "not_before": not_before, "retry_at": retry_at, "reasons": reasons}
    known = {"ids": map(str, frame["id"].tolist()), "facts": frame["recipient_facts"].tolist()}
    return {name: _BETWEEN.join(values) for name, values in (known | written).items()}


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()


def _verdict(stops: Sequence[Finding], *, too_late: bool) -> str:
    if any(each.reason is Reason.OUTRANKED for each in stops):
        return "outranked"
    if stops:
        return "blocked"
    return "postponed" if too_late else ""


def _clears(stops: Iterable[Finding]) -> datetime | None:
    """The moment all of them have cleared, if each clears by itself."""
    moments = [each.clears_at for each in stops]
    known = [moment for moment in moments if moment is not None]
    return max(known) if len(known) == len(moments) else None
