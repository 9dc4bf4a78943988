"""The story of one decision as lines that a manager reads: what was known, said, written, tried and answered."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ige_pipeline.ledger.sentence import of_decision, of_reason

Row = Mapping[str, Any]
Line = tuple[str, str]
# Told by lines of their own, or not by this page.
_TOLD_ELSEWHERE = frozenset({"template", "personalise", "names", "trigger", "item_completed"})
_SHOWN = 200
_UNKNOWN: dict[str, Any] = dict.fromkeys(("trust_score", "last_sent_at", "recent_sent", "complaints", "consent"))


def of_row(row: Row) -> list[Line]:
    """Return (label, sentence) for each thing that the view `ige_why` knows of a decision.

    Long values are cut: `ige why --json` has them whole.
    """
    return [
        ("why due", row["why_due"]),
        *_where(row["facts"] or {}, label="known", say=_facts),
        *_where(row["recipient_facts"] or {}, label="person", say=_person),
        *_notes(row["recipient_facts"] or {}),
        *_checks(row),
        ("verdict", of_decision(row)),
        *_text(row),
        *_written(row),
        *_asked(row["generation"] or {}),
        *(("attempt", _attempt(each)) for each in row["attempts"]),
        *_receipt(row),
        *_reply(row),
        *_outcome(row),
    ]


def _where(facts: Row, *, label: str, say: Any) -> Iterator[Line]:
    told = say(facts)
    if told:
        yield label, told


def _facts(facts: Row) -> str:
    """Numbers of rows stand in `why due`."""
    known = {name: value for name, value in facts.items() if value not in (None, "") and name not in _TOLD_ELSEWHERE}
    return "; ".join(f"{name.replace('_', ' ')}: {_cut(known[name])}" for name in known if not name.endswith("_id"))


def _person(facts: Row) -> str:
    """Say nothing of an external message, of whose reader nothing was recorded."""
    if not facts:
        return ""
    facts = _UNKNOWN | dict(facts)
    trust, last = facts.get("trust_score"), facts.get("last_sent_at")
    lately = "" if last is None else f"; {facts.get('sent_week')} in 7 days, {facts.get('sent_30_days')} in 30"
    parts = [
        "no trust score yet" if trust is None else f"trust {trust}",
        "never written to" if last is None else f"last written to {_minute(last)}{lately}",
        f"{facts.get('recent_unanswered')} of the last {facts['recent_sent']} unanswered"
        * bool(facts.get("recent_sent")),
        f"{facts.get('complaints')} complaints" * bool(facts.get("complaints")),
        f"consent {facts['consent']}" if facts["consent"] in {"given", "revoked"} else "no consent on record",
        _zone(facts),
    ]
    return "; ".join(part for part in parts if part)


def _zone(facts: Row) -> str:
    if facts.get("timezone"):
        return f"time zone {facts['timezone']}"
    return f"time zone guessed from the number: {facts['phone_zones']}" if facts.get("phone_zones") else "no time zone"


def _notes(facts: Row) -> Iterator[Line]:
    if facts.get("phone_verdict") == "local_only":
        yield "note", 'the number has no area code and goes out as it is stored; phone_check = "strict" would stop it'


def _checks(row: Row) -> Iterator[Line]:
    """A decision that was not scheduled says its reasons in the verdict."""
    if row["verdict"] != "scheduled" or row["recipient_facts"] is None:
        return
    moved = "; ".join(map(of_reason, row["reasons"]))
    yield "checks", f"it had to wait: {moved}" if moved else "every safeguard was asked, and none objected"


def _text(row: Row) -> Iterator[Line]:
    text = row["message_content"] or row["draft"]
    if text:
        yield "text", text


def _written(row: Row) -> Iterator[Line]:
    """Who wrote it, and what came of asking the model."""
    source, _, name = (row["draft_source"] or "").partition(":")
    asked, why_not = row["generation"] or {}, row["fallback_reason"]
    by = {
        "model": f"by the model {name}",
        "template": f"from the template {name}",
        "promised": "in the words that were planned",
        "external": "by another program",
    }.get(source, source)
    if by:
        yield "written", by + (f", and not by the model: {_reasons(why_not)}" if why_not else "") + _used(asked)
    for each in asked.get("tries") or []:
        if each["outcome"] == "rejected":
            because = _reasons(", ".join(each["rejected_for"]))
            yield "refused", f"its first text, for {because}: {_cut(each['text'], 2 * _SHOWN)}"
    if asked.get("rejected_answer"):
        yield "refused", f"what the model had answered: {_cut(asked['rejected_answer'], 2 * _SHOWN)}"


def _asked(generation: Row) -> Iterator[Line]:
    """What the model was told beside what is `known` and what was said before."""
    if told := generation.get("asked"):
        said = {name: "; ".join(value) if isinstance(value, list) else value for name, value in told.items()}
        yield "asked", "; ".join(f"{name.replace('_', ' ')}: {_cut(value)}" for name, value in said.items())


def _reasons(words: str) -> str:
    return words.replace("_", " ")


def _used(asked: Row) -> str:
    if not asked.get("model"):
        return ""
    tokens = f"{asked.get('tokens_in')} tokens in, {asked.get('tokens_out')} out"
    cost = f"${asked['cost_usd']}" if asked.get("price_known", True) and "cost_usd" in asked else "price unknown"
    prompt = f"prompt {asked.get('prompt_version')}"
    return f" ({asked['model']} was asked with {prompt}: {tokens}, {cost}, {asked.get('latency_ms')} ms)"


def _attempt(attempt: Row) -> str:
    status = f" HTTP {attempt['status_code']}" if attempt["status_code"] else ""
    error = f" {attempt['error_class']}" if attempt["error_class"] else ""
    took = f" in {attempt['duration_ms']} ms" if attempt["duration_ms"] is not None else ""
    often = f", {attempt['repeats']} times by now" if attempt["repeats"] > 1 else ""
    because = "; ".join(map(of_reason, attempt["reasons"]))
    again = f"; again from {_minute(attempt['next_attempt_at'])}" if attempt["next_attempt_at"] else ""
    answer = f"; it answered: {_cut(attempt['response'])}" if attempt.get("response") else ""
    return (
        f"{attempt['outcome']}{status}{error} at {_minute(attempt['at'])}{took}{often}"
        + (f" ({because})" if because else "")
        + again
        + answer
    )


def _reply(row: Row) -> Iterator[Line]:
    if row["response_received_at"] or row["contractor_response"]:
        when = f"at {_minute(row['response_received_at'])}" if row["response_received_at"] else "at an unknown time"
        yield "reply", f"{when}: {row['contractor_response'] or 'its text was not kept'}"

    for more in row.get("more_replies") or ():
        kind = "" if more["meaning"] == "reply" else f", read as {more['meaning'].replace('_', ' ')}"
        gone = f"; {more['cancelled']} waiting were cancelled" if more["cancelled"] else ""
        yield "reply", f"at {_minute(more['at'])} ({more['id']}{kind}{gone}): {_cut(more['body'])}"


def _receipt(row: Row) -> Iterator[Line]:
    if row.get("receipt_status"):
        code = f" ({row['receipt_code']})" if row.get("receipt_code") else ""
        yield "receipt", f"the provider said at {_minute(row['receipt_at'])}: {row['receipt_status']}{code}"


def _outcome(row: Row) -> Iterator[Line]:
    if row.get("led_to_action"):
        yield "outcome", "something was done because of it"
    if row.get("ignored_at"):
        yield "outcome", f"nobody had answered by {_minute(row['ignored_at'])}"


def _minute(moment: datetime | str) -> str:
    return str(moment)[:16].replace("T", " ")


def _cut(value: Any, most: int = _SHOWN) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[:most]}…"
