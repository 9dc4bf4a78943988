"""One more try for a model whose text was rejected: it is told why. Both tries are kept, and what they took."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ige_pipeline.generation import prompt
from ige_pipeline.generation.asking import Account, Answered, Question, ask_for_all
from ige_pipeline.generation.draft import Draft
from ige_pipeline.generation.model import ModelWriter
from ige_pipeline.generation.outcome import Outcome, Unpaid, Written
from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.objection import in_words
from ige_pipeline.safeguards.review import Submission, submissions
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "screen.sql")
# What a draft took in all is the sum over its tries.
_SUMMED = ("tokens_in", "tokens_cached", "tokens_out", "latency_ms")


def ask_again(conn: Connection, batch: Batch, settings: Settings, *, model: ModelWriter | None) -> None:
    """Let the model write anew what the review would reject. Running it again asks nobody a third time."""
    if model is None:
        return
    rejected: dict[int, tuple[Submission, list[str]]] = {}
    language = settings.language
    questions = []
    for each in submissions(conn, batch, settings):
        findings = each.objections() if _first_try(each) else ()
        if findings:
            rejected[each.brief.decision_id] = each, [str(finding.reason) for finding in findings]
            questions.append(Question(each.brief, tuple(map(in_words, findings))))

    def keep(answered: Sequence[Answered]) -> None:
        for question, outcome in answered:
            first, reasons = rejected[question.brief.decision_id]
            asked = prompt.asked(
                question.brief, objections=question.objections, version=model.prompt_version, language=language
            )
            conn.execute(_QUERIES["record_second_try"], _record(batch, first, reasons, outcome, asked))

    if questions:
        ask_for_all(questions, model=model, account=Account(conn, batch, settings), keep=keep)


def _first_try(submission: Submission) -> bool:
    return submission.written.source.startswith("model:") and "tries" not in (submission.generation or {})


def _record(
    batch: Batch, first: Submission, reasons: list[str], outcome: Outcome, asked: Mapping[str, Any]
) -> dict[str, Any]:
    draft = outcome.draft if isinstance(outcome, Written) else None
    return {
        "id": first.brief.decision_id,
        "decided_on": batch.decided_on,
        "draft": draft.text if draft else None,
        "ai_reasoning": draft.reasoning if draft else None,
        "generation": json.dumps(both(first.generation or {}, first.written, reasons, outcome, asked)),
    }


def both(
    first: Mapping[str, Any], written: Draft, reasons: list[str], outcome: Outcome, asked: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what both tries took: the last one's own fields, sums, and each try by itself under `tries`."""
    usage = outcome.draft.usage if isinstance(outcome, Written) else outcome.usage
    second: dict[str, Any] = {**(usage.as_json() if usage else {}), **({} if _unasked(outcome) else {"asked": asked})}
    if isinstance(outcome, Written):
        second["facts_used"] = outcome.draft.facts_used
    sums: dict[str, Any] = {name: first.get(name, 0) + second.get(name, 0) for name in _SUMMED}
    sums["cost_usd"] = format(Decimal(first.get("cost_usd", 0)) + Decimal(second.get("cost_usd", 0)), "f")
    came_to = "written" if isinstance(outcome, Written) else outcome.reason
    tries = [
        {**first, "text": written.text, "outcome": "rejected", "rejected_for": reasons},
        {**second, "outcome": came_to},
    ]
    return {**first, **second, **sums, "tries": tries}


def _unasked(outcome: Outcome) -> bool:
    """Whether there was no second question: a spend limit was reached."""
    return isinstance(outcome, Unpaid)
