"""Write a text for every candidate that may be contacted: by the model where there is one, else from the templates."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ige_pipeline.generation import template
from ige_pipeline.generation.draft import Brief, Draft, Usage
from ige_pipeline.generation.model import ModelWriter
from ige_pipeline.generation.outcome import Failed, Outcome, Written
from ige_pipeline.generation.promised import own_words, wants_model
from ige_pipeline.generation.variants import Templates
from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load

_QUERIES = load(__package__, "generate.sql")


def generate_messages(conn: Connection, batch: Batch, *, templates: Templates, model: ModelWriter | None) -> None:
    """Give every contactable candidate of `batch` a draft. Running it again writes only what is missing."""
    briefs = [brief_of(row) for row in conn.execute(_QUERIES["undrafted"], batch.key)]
    by_model = [brief for brief in briefs if model is not None and wants_model(brief)]
    asked = {brief.decision_id for brief in by_model}
    store(conn, batch, [(brief, by_hand(brief, templates)) for brief in briefs if brief.decision_id not in asked])
    if model is not None and by_model:
        asyncio.run(_ask_for_all(conn, batch, by_model, templates=templates, model=model))


def by_hand(brief: Brief, templates: Templates) -> Draft:
    """Write without a model: in the given words where there are some, else from the templates."""
    return own_words(brief) or template.write(brief, templates=templates)


def brief_of(row: dict[str, Any]) -> Brief:
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
    )


def store(conn: Connection, batch: Batch, written: Sequence[tuple[Brief, Draft]]) -> None:
    """Keep drafts in the ledger in one statement; what has a draft already keeps it."""
    columns = {
        "ids": [brief.decision_id for brief, _ in written],
        "drafts": [draft.text for _, draft in written],
        "sources": [draft.source for _, draft in written],
        "reasonings": [draft.reasoning for _, draft in written],
        "fallback_reasons": [draft.fallback_reason for _, draft in written],
        "generations": [_as_json(draft.usage) for _, draft in written],
    }
    conn.execute(_QUERIES["store_drafts"], columns | {"decided_on": batch.decided_on})


def count_drafts(conn: Connection, batch: Batch) -> dict[str, int]:
    """Return {writer, and why it was not the model: drafts}."""
    rows = conn.execute(_QUERIES["drafted"], batch.key).fetchall()
    return {": ".join(filter(None, (row["writer"], row["fallback_reason"]))): row["drafts"] for row in rows}


async def _ask_for_all(
    conn: Connection, batch: Batch, briefs: Sequence[Brief], *, templates: Templates, model: ModelWriter
) -> None:
    hopeless: list[Failed] = []

    async def ask(brief: Brief) -> None:
        """Each draft is stored the moment it exists: a batch that dies half way has paid for nothing twice."""
        outcome = hopeless[0] if hopeless else await model.write(brief)
        if isinstance(outcome, Failed) and outcome.hopeless:
            hopeless.append(outcome)
        store(conn, batch, [(brief, _draft_of(outcome, brief, templates))])

    async with model, asyncio.TaskGroup() as group:
        for brief in briefs:
            group.create_task(ask(brief))


def _draft_of(outcome: Outcome, brief: Brief, templates: Templates) -> Draft:
    if isinstance(outcome, Written):
        return outcome.draft
    return replace(by_hand(brief, templates), fallback_reason=outcome.reason, usage=outcome.usage)


def _as_json(usage: Usage | None) -> str | None:
    return None if usage is None else json.dumps(usage.as_json())
