"""Drafts that wait for a person: held by a batch in review mode, then approved, edited, rejected, or expired."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ige_pipeline.delivery.held import expire_waiting
from ige_pipeline.delivery.schedule import schedule_messages
from ige_pipeline.delivery.switches import audit
from ige_pipeline.generation.notice import Notice
from ige_pipeline.generation.segments import downgrade
from ige_pipeline.ledger import compare
from ige_pipeline.ledger.batch import Batch, close_batch
from ige_pipeline.ledger.sentence import of_reason
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal
from ige_pipeline.safeguards import screen
from ige_pipeline.safeguards.batch_facts import with_facts
from ige_pipeline.safeguards.judgement import as_columns
from ige_pipeline.safeguards.review import review_again
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "drafts.sql")

Draft = dict[str, Any]


def waiting(
    conn: Connection, settings: Settings, *, after: tuple[datetime, int] | None = None, at_most: int | None = None
) -> list[Draft]:
    """Return the drafts that wait, the oldest first; what nobody looked at in time expires now.

    `after` is where a page of them ended: since when its last one waits, and its number.
    """
    expire_waiting(conn, settings)
    since, number = after or (None, None)
    asked = {"id": None, "after_at": since, "after_id": number, "at_most": at_most}
    return conn.execute(_QUERIES["waiting"], asked).fetchall()


def find(conn: Connection, draft_id: int, settings: Settings) -> Draft:
    """Return a draft that waits; Refusal, saying what became of it, when it does not."""
    expire_waiting(conn, settings)
    asked = {"id": draft_id, "after_at": None, "after_id": None, "at_most": 1}
    row = conn.execute(_QUERIES["waiting"], asked).fetchone()
    if row is None:
        raise Refusal(_why_not(conn, draft_id))
    return row


def mark_of(text: str) -> str:
    """Return what stands for a text that somebody has read: whoever decides about it names it."""
    return hashlib.sha256(text.encode()).hexdigest()


def approve(
    conn: Connection,
    draft_id: int,
    settings: Settings,
    *,
    who: str,
    consent_needed: bool = True,
    seen: str | None = None,
) -> tuple[str, list[str]]:
    """Let a draft be scheduled, after asking the recipients' safeguards again; return its verdict and the reasons.

    Where the mark of the text that was `seen` is given, Refusal for any other text.
    """
    with conn.transaction():
        draft, batch = _taken(conn, draft_id, settings, seen=seen)
        _release(conn, draft, settings, who=who, consent_needed=consent_needed)
        schedule_messages(conn, batch, settings)
        close_batch(conn, batch)
        became = _became(conn, draft_id)
        audit(conn, who=who, action="approve draft", detail={"decision": draft_id, "verdict": became["verdict"]})
    return became["verdict"], [of_reason(reason) for reason in became["reasons"]]


def edit(conn: Connection, draft_id: int, text: str, settings: Settings, *, who: str, seen: str | None = None) -> Draft:
    """Give a draft another text, which still waits; Refusal with every reason when the text is not fit to send."""
    with conn.transaction():
        draft, batch = _taken(conn, draft_id, settings, seen=seen)
        key = {"id": draft_id, "decided_on": batch.decided_on}
        notice = Notice(settings.sender_name, settings.opt_out_text)
        written = notice.without(downgrade(" ".join(text.split())))
        conn.execute(_QUERIES["reopen"], key | {"text": written})
        findings = review_again(conn, batch, draft_id, settings)
        if findings:
            told = "; ".join(of_reason(finding.as_json()) for finding in findings)
            raise Refusal(f"This text cannot be sent: {told}.")
        conn.execute(_QUERIES["hold_again"], key | {"waits_since": draft["waits_since"]})
        audit(conn, who=who, action="edit draft", detail={"decision": draft_id, "before": _print_of(draft["text"])})
        return find(conn, draft_id, settings)


def reject(conn: Connection, draft_id: int, settings: Settings, *, who: str, why: str, seen: str | None = None) -> None:
    """Let a draft never be sent; for `rejected_draft_days` nothing is written in its place."""
    with conn.transaction():
        _, batch = _taken(conn, draft_id, settings, seen=seen)
        reasons = [{"reason": "draft_rejected", "observed": who, "limit": why}]
        key = {"id": draft_id, "decided_on": batch.decided_on}
        conn.execute(_QUERIES["reject"], key | {"reasons": json.dumps(reasons)})
        close_batch(conn, batch)
        audit(conn, who=who, action="reject draft", detail={"decision": draft_id, "reason": why})


def _print_of(text: str) -> str:
    """Return what tells two texts apart: what stands in the audit is read by people who may see no text, for ever."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _taken(conn: Connection, draft_id: int, settings: Settings, *, seen: str | None) -> tuple[Draft, Batch]:
    """Return a draft that waits, locked, and its batch; Refusal where its text is not the one that was seen."""
    draft = find(conn, draft_id, settings)
    key = {"id": draft_id, "decided_on": draft["decided_on"]}
    if conn.execute(_QUERIES["lock_draft"], key).fetchone() is None:
        raise Refusal(_why_not(conn, draft_id))
    # Read under the lock: somebody may have written it anew before we had it.
    draft = find(conn, draft_id, settings)
    if seen is not None and seen != mark_of(draft["text"]):
        raise Refusal(f"Draft {draft_id} has another text by now: look at it again.")
    return draft, compare.by_id(conn, draft["batch_id"])


def _release(conn: Connection, draft: Mapping[str, Any], settings: Settings, *, who: str, consent_needed: bool) -> None:
    key = {"id": draft["draft"], "decided_on": draft["decided_on"], "who": who}
    candidates = conn.execute(_QUERIES["candidate"], key).fetchall()
    frame = with_facts(conn, candidates, settings, consent_needed=consent_needed)
    findings, now = screen.decide(frame, settings)
    # One row, whether anything was found against it or not.
    judged = as_columns({0: findings.get(0, ())}, settings, now=now)
    told = {name: values[0] or None for name, values in judged.items()}
    conn.execute(_QUERIES["stop" if told["verdicts"] else "release"], key | told)


def _became(conn: Connection, draft_id: int) -> dict[str, Any]:
    row = conn.execute(_QUERIES["verdict_of"], {"id": draft_id}).fetchone()
    if row is None:
        raise Refusal(f"There is no draft {draft_id}: `ige drafts list` shows what waits.")
    return row


def _why_not(conn: Connection, draft_id: int) -> str:
    became = _became(conn, draft_id)
    by = f" (approved by {became['approved_by']})" if became["approved_by"] else ""
    return f"Draft {draft_id} does not wait: it is {became['verdict'] or 'not decided yet'}{by}."
