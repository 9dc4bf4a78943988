"""Check every draft; where one is unfit, try the templates in turn before giving up with all the reasons."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ige_pipeline.generation import promised, template
from ige_pipeline.generation.draft import Brief, Draft
from ige_pipeline.generation.generate import brief_of
from ige_pipeline.generation.memory import remember
from ige_pipeline.generation.variants import Templates
from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.contacts import NOTHING, AllowList
from ige_pipeline.safeguards.content import ContentReason, Finding, review
from ige_pipeline.safeguards.segments import downgrade
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "screen.sql")
_BREAKS_ANY_TEXT = frozenset(
    {
        ContentReason.EMPTY,
        ContentReason.PLACEHOLDER_LEFT,
        ContentReason.CONTROL_CHARACTER,
        ContentReason.NOT_EVALUATED,
    },
)


@dataclass(frozen=True, slots=True)
class Standard:
    """What a text to one contractor is held to; `recent` are the texts that it got lately."""

    settings: Settings
    allow: AllowList = NOTHING
    recent: Sequence[str] = ()

    def objections(self, draft: Draft, brief: Brief) -> tuple[Finding, ...]:
        """Return every reason against a draft.

        A text that a person wrote is held to what would break it, not to how a model should sound.
        """
        found = review(draft.text, facts=brief.quotable(), settings=self.settings, allow=self.allow, recent=self.recent)
        if not draft.source.startswith("promised:"):
            return found
        return tuple(finding for finding in found if finding.reason in _BREAKS_ANY_TEXT)


@dataclass(frozen=True, slots=True)
class Submission:
    """One draft that nobody has reviewed, and what it is held to; `generation` is what the model took for it."""

    brief: Brief
    written: Draft
    standard: Standard
    generation: dict[str, Any] | None

    def objections(self) -> tuple[Finding, ...]:
        """Return every reason against it."""
        return self.standard.objections(self.written, self.brief)


def submissions(conn: Connection, batch: Batch, settings: Settings) -> list[Submission]:
    """Return every draft of `batch` that nobody has reviewed, each as it would be sent."""
    rows = conn.execute(_QUERIES["drafts_to_review"], settings.model_dump() | batch.key).fetchall()
    allow = AllowList.of(settings)
    # What was said before may be taken up by a model, so it may be quoted; templates do not know it.
    by_model = [brief_of(row, settings) for row in rows if row["draft_source"].startswith("model:")]
    remembered = {brief.decision_id: brief for brief in remember(conn, by_model)}
    return [
        Submission(
            brief=remembered.get(row["decision_id"]) or brief_of(row, settings),
            # One typographic quote would turn the whole text into UCS-2 and halve what fits into a segment.
            written=Draft(downgrade(row["draft"]), row["ai_reasoning"] or row["reason"], row["draft_source"]),
            standard=Standard(settings, allow, recent=row["recent"] or ()),
            generation=row["generation"],
        )
        for row in rows
    ]


def screen_content(conn: Connection, batch: Batch, settings: Settings, *, templates: Templates) -> None:
    """Review every draft of `batch` that nobody reviewed; those that fail and cannot be replaced are `rejected`."""
    submitted = submissions(conn, batch, settings)
    with conn.pipeline():
        for each in submitted:
            draft, findings = fittest(each.brief, each.written, each.standard, templates=templates)
            if draft.fallback_reason is not None:
                draft = replace(draft, fallback_reason=f"{how_rejected(each.generation)}: {draft.fallback_reason}")
            conn.execute(_QUERIES["record_review"], _record(each.brief.decision_id, batch, draft, findings))


def how_rejected(generation: Mapping[str, Any] | None) -> str:
    """Say how often the model's text was rejected, or what else its second try came to."""
    tries = (generation or {}).get("tries") or []
    if not tries:
        return "rejected"
    return "rejected twice" if tries[-1]["outcome"] == "written" else f"rejected, then {tries[-1]['outcome']}"


def fittest(
    brief: Brief, written: Draft, standard: Standard, *, templates: Templates
) -> tuple[Draft, tuple[Finding, ...]]:
    """Return the first draft without findings, or the written one with its own findings when none is fit.

    One that takes the place of another says what was wrong with that as its fallback reason.
    """
    first = standard.objections(written, brief)
    if not first:
        return written, ()
    for draft in _instead(brief, written, templates):
        if not standard.objections(draft, brief):
            return replace(draft, fallback_reason=_words(first)), ()
    return written, first


def _instead(brief: Brief, written: Draft, templates: Templates) -> Iterator[Draft]:
    """What could go instead: the given words of a promised message, and the templates only where there are none."""
    given = promised.own_words(brief)
    others = template.drafts(brief, templates=templates) if given is None else iter([given])
    return (replace(draft, text=downgrade(draft.text)) for draft in others if draft.source != written.source)


def _words(findings: tuple[Finding, ...]) -> str:
    return ", ".join(sorted({str(finding.reason) for finding in findings}))


def _record(decision_id: int, batch: Batch, draft: Draft, findings: tuple[Finding, ...]) -> dict[str, object]:
    reasons = [
        {"reason": str(finding.reason), "observed": finding.observed, "limit": finding.limit} for finding in findings
    ]
    return {
        "id": decision_id,
        "decided_on": batch.decided_on,
        "draft": draft.text,
        "draft_source": draft.source,
        "ai_reasoning": draft.reasoning,
        "fallback_reason": draft.fallback_reason,
        "reasons": json.dumps(reasons),
        "verdict": "rejected" if findings else None,
    }
