"""What was found against each candidate, as the ledger keeps it: verdict, reasons, and when to look again."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.reason import Reason
from ige_pipeline.settings import Settings

# A reason that clears by itself and only delays: it moves the message, it does not end it.
_MOVES = frozenset({Reason.QUIET_HOURS})
# Made once: `json.dumps` makes an encoder for each call that asks for anything unusual.
_encode = json.JSONEncoder(default=str).encode
_COLUMNS = ("reasons", "verdicts", "not_before", "retry_at")

Findings = Mapping[int, Sequence[Finding]]
"""Every finding against a row of a frame, by its index; rows without any are left out."""


Columns = dict[str, list[str]]
"""What Postgres is told of thousands of decisions, each value as text."""


def blocked(findings: Findings) -> set[int]:
    """Return the rows that something stops and does not only move."""
    return {index for index, found in findings.items() if any(each.reason not in _MOVES for each in found)}


def as_columns(findings: Findings, settings: Settings, *, now: datetime) -> Columns:
    """Write down what was found, in the findings' order.

    The columns: `reasons` (JSON), `verdicts`, `not_before` and `retry_at` (ISO 8601); empty where there is none.
    """
    judged: dict[int, tuple[str, ...]] = {}
    for found in findings.values():
        # Those who sleep in one place have their findings in common.
        if id(found) not in judged:
            judged[id(found)] = _judged(found, settings, now)
    rows = [judged[id(found)] for found in findings.values()]
    return {name: [row[place] for row in rows] for place, name in enumerate(_COLUMNS)}


def _judged(found: Sequence[Finding], settings: Settings, now: datetime) -> tuple[str, ...]:
    stops = [each for each in found if each.reason not in _MOVES]
    starts = max((each.clears_at for each in found if each.reason in _MOVES and each.clears_at), default=None)
    too_late = starts is not None and starts - now > timedelta(hours=settings.postpone_at_most_hours)
    reasons = _encode([each.as_json() for each in found])
    retry_at = _clears(stops) if stops else starts if too_late else None
    return reasons, _verdict(stops, too_late=too_late), _moment(starts), _moment(retry_at)


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
