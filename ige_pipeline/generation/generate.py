"""Write a text for every candidate that may be contacted: by the model where there is one, else from the templates."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ige_pipeline.generation import prompt, template, voice
from ige_pipeline.generation.asking import Account, Answered, Question, ask_for_all
from ige_pipeline.generation.draft import Brief, Draft
from ige_pipeline.generation.memory import remember
from ige_pipeline.generation.model import ModelWriter
from ige_pipeline.generation.notice import Notice
from ige_pipeline.generation.outcome import Outcome, Unpaid, Written
from ige_pipeline.generation.promised import own_words, wants_model
from ige_pipeline.generation.variants import Templates
from ige_pipeline.generation.waiting import pass_over_waiting
from ige_pipeline.ledger import spend
from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "generate.sql")


def generate_messages(
    conn: Connection, batch: Batch, settings: Settings, *, templates: Templates, model: ModelWriter | None
) -> None:
    """Give every contactable candidate of `batch` a draft. Running it again writes only what is missing."""
    pass_over_waiting(conn, batch, settings)
    rows = conn.execute(_QUERIES["undrafted"], settings.model_dump() | batch.key)
    briefs = [brief_of(row, settings) for row in rows]
    by_model = [brief for brief in briefs if model is not None and wants_model(brief)]
    asked = {brief.decision_id for brief in by_model}
    by_us = [(brief, by_hand(brief, templates)) for brief in briefs if brief.decision_id not in asked]
    store(conn, batch, by_us, settings)
    if model is not None and by_model:
        keeping = _Keeping(conn, batch, settings, templates)
        account = Account(conn, batch, settings)
        questions = [Question(brief) for brief in remember(conn, by_model)]
        ask_for_all(questions, model=model, account=account, keep=keeping.keep)


def by_hand(brief: Brief, templates: Templates) -> Draft:
    """Write without a model: in the given words where there are some, else from the templates."""
    return own_words(brief) or template.write(brief, templates=templates)


def brief_of(row: dict[str, Any], settings: Settings) -> Brief:
    """Make a brief from a ledger row joined with its contractor."""
    return Brief(
        decision_id=row["decision_id"],
        contractor_id=row["contractor_id"],
        trigger=row["trigger_name"],
        message_type=row["message_type"],
        first_name=row["first_name"],
        company_name=row["company_name"],
        facts={key: value for key, value in row["facts"].items() if value is not None},
        reason=row["reason"],
        occurrence=f"{row['subject_id']}:{row['occurrence']}",
        style=_style(row, settings),
        trust=row.get("trust"),
        notice=Notice(settings.sender_name, settings.opt_out_text) if row["notice_due"] else None,
    )


def _style(row: dict[str, Any], settings: Settings) -> str:
    """The style that is set for all, or was chosen for this text before, or is chosen now from what was answered."""
    if settings.style != "auto":
        return settings.style
    answers = {style: (sent, answered) for style, (sent, answered) in (row["answers"] or {}).items()}
    return row["text_style"] or voice.best(
        answers, contractor_id=row["contractor_id"], evidence=settings.style_evidence
    )


def store(conn: Connection, batch: Batch, written: Sequence[tuple[Brief, Draft]], settings: Settings) -> None:
    """Keep drafts in the ledger in one statement; what has a draft already keeps it."""
    columns = {
        "ids": [brief.decision_id for brief, _ in written],
        "drafts": [draft.text for _, draft in written],
        "sources": [draft.source for _, draft in written],
        "reasonings": [draft.reasoning for _, draft in written],
        "fallback_reasons": [draft.fallback_reason for _, draft in written],
        "generations": [_as_json(brief, draft, settings) for brief, draft in written],
        "styles": [draft.style or brief.style for brief, draft in written],
    }
    conn.execute(_QUERIES["store_drafts"], columns | {"decided_on": batch.decided_on})


def count_drafts(conn: Connection, batch: Batch) -> dict[str, int]:
    """Return {writer, and why it was not the model: drafts}."""
    rows = conn.execute(_QUERIES["drafted"], batch.key).fetchall()
    return {": ".join(filter(None, (row["writer"], row["fallback_reason"]))): row["drafts"] for row in rows}


@dataclass(frozen=True)
class _Keeping:
    """Keeps what came of each question: the model's text, or one written by hand, or that it waits for money."""

    conn: Connection
    batch: Batch
    settings: Settings
    templates: Templates

    def keep(self, answered: Sequence[Answered]) -> None:
        waiting: dict[str, list[int]] = {}
        written: list[tuple[Brief, Draft]] = []
        for question, outcome in answered:
            if isinstance(outcome, Unpaid) and self._waits(question.brief):
                waiting.setdefault(outcome.reason, []).append(question.brief.decision_id)
            else:
                written.append((question.brief, _draft_of(outcome, question.brief, self.templates)))
        store(self.conn, self.batch, written, self.settings)
        for reason, decisions in waiting.items():
            self._postpone(decisions, reason)

    def _waits(self, brief: Brief) -> bool:
        """A promise whose words are given is kept: it needs no model."""
        return self.settings.when_spend_is_reached == "wait" and own_words(brief) is None

    def _postpone(self, decisions: list[int], reason: str) -> None:
        by_batch, by_day = spend.taken(self.conn, self.batch)
        observed, limit = {
            "spend_per_batch": (by_batch, self.settings.model_spend_per_batch_usd),
            "spend_per_day": (by_day, self.settings.model_spend_per_day_usd),
        }[reason]
        told = {"reason": reason, "observed": round(float(observed), 4), "limit": limit}
        self.conn.execute(_QUERIES["postpone"], {"ids": decisions, "decided_on": self.batch.decided_on} | told)


def _draft_of(outcome: Outcome, brief: Brief, templates: Templates) -> Draft:
    if isinstance(outcome, Written):
        return outcome.draft
    return replace(by_hand(brief, templates), fallback_reason=outcome.reason, usage=outcome.usage)


def _as_json(brief: Brief, draft: Draft, settings: Settings) -> str | None:
    """With the facts, and the messages that the model was reminded of, the ledger knows all that it was asked."""
    if draft.usage is None:
        return None
    asked = prompt.asked(brief, version=draft.usage.prompt_version, language=settings.language)
    remembered = [each.message_id for each in brief.exchanges]
    took = draft.usage.as_json() | {"facts_used": draft.facts_used, "remembered": remembered, "asked": asked}
    return json.dumps(took)
