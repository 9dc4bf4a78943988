"""Ask the safeguards about a batch's candidates, let the highest priority of each contractor win, and write it down."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.ranking import outranked
from ige_pipeline.safeguards.reason import Reason
from ige_pipeline.safeguards.recipient import screen
from ige_pipeline.settings import Settings

_FACTS = load(__package__, "facts.sql")
_QUERIES = load(__package__, "screen.sql")
_TIMES = ("paused_until", "last_sent_at", "recent_last_sent_at", "asked_at")
# A reason that clears by itself and only delays: it moves the message, it does not end it.
_MOVES = {Reason.QUIET_HOURS}


def screen_recipients(conn: Connection, batch: Batch, settings: Settings) -> None:
    """Decide about every candidate of `batch` that nobody looked at yet; those free to go stay undecided."""
    candidates = conn.execute(_QUERIES["undecided"], batch.key).fetchall()
    if not candidates:
        return
    frame = with_facts(conn, candidates, settings)
    now = frame["asked_at"].iloc[0].to_pydatetime()
    findings = screen(frame, settings, now=now)
    for index, lost in outranked(frame, blocked=_blocked(findings)).items():
        findings[index] = findings.get(index, []) + lost
    rows = [_record(row, findings.get(row["index"], []), settings, now) for row in _as_dicts(frame)]
    conn.execute(_QUERIES["record_screening"], {**_columns(rows), "decided_on": batch.decided_on})


def with_facts(
    conn: Connection,
    candidates: Sequence[dict[str, Any]],
    settings: Settings,
    *,
    sending: bool = False,
    message_id: int | None = None,
) -> pd.DataFrame:
    """Join candidates with what is known of their contractors now. At sending, one message is left out of account."""
    asked = {
        "contractor_ids": sorted({candidate["contractor_id"] for candidate in candidates}),
        "ignored_in_a_row": settings.ignored_in_a_row,
        "sending": sending,
        "message_id": message_id,
    }
    facts = pd.DataFrame(conn.execute(_FACTS["recipient_facts"], asked).fetchall())
    for column in _TIMES:
        facts[column] = pd.to_datetime(facts[column], utc=True)
    return pd.DataFrame(candidates).merge(facts, on="contractor_id", how="left", validate="many_to_one")


def count_verdicts(conn: Connection, batch: Batch) -> dict[str, int]:
    """Return {verdict: decisions} of a batch; those still open are `undecided`."""
    return {row["verdict"]: row["decisions"] for row in conn.execute(_QUERIES["verdicts"], batch.key)}


def count_reasons(conn: Connection, batch: Batch) -> dict[str, int]:
    """Return {reason: decisions} of a batch, the most frequent first."""
    return {row["reason"]: row["decisions"] for row in conn.execute(_QUERIES["blocking_reasons"], batch.key)}


def _blocked(findings: dict[int, list[Finding]]) -> set[int]:
    return {index for index, found in findings.items() if any(each.reason not in _MOVES for each in found)}


def _record(row: dict[str, Any], found: list[Finding], settings: Settings, now: datetime) -> dict[str, Any]:
    stops = [each for each in found if each.reason not in _MOVES]
    starts = max((each.clears_at for each in found if each.reason in _MOVES and each.clears_at), default=None)
    too_late = starts is not None and starts - now > timedelta(hours=settings.postpone_at_most_hours)
    return {
        "ids": row["id"],
        "facts": _json(_known(row)),
        "reasons": _json([each.as_json() for each in found]),
        "verdicts": _verdict(stops, too_late=too_late),
        "not_before": starts,
        "retry_at": _clears(stops) if stops else starts if too_late else None,
    }


def _verdict(stops: Sequence[Finding], *, too_late: bool) -> str | None:
    if any(each.reason is Reason.OUTRANKED for each in stops):
        return "outranked"
    if stops:
        return "blocked"
    return "postponed" if too_late else None


def _clears(stops: Iterable[Finding]) -> datetime | None:
    """The moment all of them have cleared, if each clears by itself."""
    moments = [each.clears_at for each in stops]
    known = [moment for moment in moments if moment is not None]
    return max(known) if len(known) == len(moments) else None


def _known(row: dict[str, Any]) -> dict[str, Any]:
    """What the ledger keeps of the facts: never the number itself."""
    hidden = {"index", "id", "contractor_id", "phone", "priority", "urgency", "trigger_name", "asked_at"}
    return {name: value for name, value in row.items() if name not in hidden} | {"has_phone": bool(row.get("phone"))}


def _as_dicts(frame: pd.DataFrame) -> list[dict[str, Any]]:
    plain = frame.astype(object).where(frame.notna(), None).reset_index()
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def _json(value: Any) -> str:
    return json.dumps(value, default=str)
