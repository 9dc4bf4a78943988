"""Check every draft; where one is unfit, try the templates in turn before giving up with all the reasons."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ige_pipeline.generation import promised, segments, template
from ige_pipeline.generation.draft import Brief, Draft
from ige_pipeline.generation.generate import brief_of
from ige_pipeline.generation.memory import remember
from ige_pipeline.generation.notice import Notice
from ige_pipeline.generation.segments import downgrade
from ige_pipeline.generation.variants import Templates
from ige_pipeline.ledger.batch import Batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.contacts import NOTHING, AllowList
from ige_pipeline.safeguards.content import ContentReason, Finding, review
from ige_pipeline.safeguards.span import EVERYBODY, Span
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

    @classmethod
    def of(cls, settings: Settings, allow: AllowList, row: Mapping[str, Any]) -> "Standard":
        """Return what the text of a row of `drafts_to_review` is held to; a notice does not make two texts alike."""
        notice = Notice(settings.sender_name, settings.opt_out_text)
        return cls(settings, allow, recent=[notice.without(each) for each in row["recent"] or ()])

    def objections(self, draft: Draft, brief: Brief) -> tuple[Finding, ...]:
        """Return every reason against a draft.

        A text that a person wrote is held to what would break it, not to how a model should sound.
        """
        found = review(
            draft.text,
            facts=(*brief.stated(), self.settings.sender_name),
            hearsay=brief.hearsay(),
            settings=self.settings,
            allow=self.allow,
            recent=self.recent,
            tail=_tail(draft, brief),
            private=brief.private(),
            as_given=_is_promised(draft),
        )
        if not _is_promised(draft):
            return found
        return tuple(finding for finding in found if finding.reason in _BREAKS_ANY_TEXT)

    def too_long(self, text: str) -> dict[str, object] | None:
        """Say of a promised text with its notice that it is longer than a text should be; it is sent all the same."""
        taken = segments.count(text)
        if len(text) <= self.settings.max_characters and taken <= self.settings.max_segments:
            return None
        return {"reason": "long_promise", "observed": f"{len(text)} characters, {taken} SMS", "limit": None}


@dataclass(frozen=True, slots=True)
class Submission:
    """One draft that nobody has reviewed, and what it is held to.

    `generation` is what the model took for it, `number` the one it is written for.
    """

    brief: Brief
    written: Draft
    standard: Standard
    generation: dict[str, Any] | None
    number: str | None

    def objections(self) -> tuple[Finding, ...]:
        """Return every reason against it."""
        return self.standard.objections(self.written, self.brief)


def submissions(conn: Connection, batch: Batch, settings: Settings, *, within: Span = EVERYBODY) -> list[Submission]:
    """Return every draft of `batch` to these contractors that nobody has reviewed, each as it would be sent."""
    asked = settings.model_dump() | batch.key | {"first": within.first, "last": within.last}
    rows = conn.execute(_QUERIES["drafts_to_review"], asked).fetchall()
    allow = AllowList.of(settings)
    # What was said before may be taken up by a model or a person, so it may be quoted; templates do not know it.
    know_it = [brief_of(row, settings) for row in rows if row["draft_source"].startswith(("model:", "edited:"))]
    remembered = {brief.decision_id: brief for brief in remember(conn, know_it)}
    return [
        Submission(
            brief=remembered.get(row["decision_id"]) or brief_of(row, settings),
            # One typographic quote would turn the whole text into UCS-2 and halve what fits into a segment.
            written=Draft(downgrade(row["draft"]), row["ai_reasoning"] or row["reason"], row["draft_source"]),
            standard=Standard.of(settings, allow, row),
            generation=row["generation"],
            number=row["number"],
        )
        for row in rows
    ]


def screen_content(
    conn: Connection, batch: Batch, settings: Settings, *, templates: Templates, within: Span = EVERYBODY
) -> None:
    """Review every draft of `batch` that nobody reviewed; those that fail and cannot be replaced are `rejected`."""
    submitted = submissions(conn, batch, settings, within=within)
    with conn.pipeline():
        for each in submitted:
            draft, findings = fittest(each.brief, each.written, each.standard, templates=templates)
            if draft.fallback_reason is not None:
                draft = replace(draft, fallback_reason=f"{how_rejected(each.generation)}: {draft.fallback_reason}")
            reviewed = _rejected(draft, findings) if findings else _passed(draft, each.brief, each.standard)
            conn.execute(_QUERIES["record_review"], reviewed | _key(each, batch, settings))


def review_again(conn: Connection, batch: Batch, decision_id: int, settings: Settings) -> tuple[Finding, ...]:
    """Judge a draft that a person changed, without trying a template; keep it, and return nothing, when it is fit."""
    (each,) = (each for each in submissions(conn, batch, settings) if each.brief.decision_id == decision_id)
    findings = each.objections()
    if not findings:
        passed = _passed(each.written, each.brief, each.standard)
        conn.execute(_QUERIES["record_review"], passed | _key(each, batch, settings))
    return findings


def _key(each: Submission, batch: Batch, settings: Settings) -> dict[str, Any]:
    found = {"id": each.brief.decision_id, "decided_on": batch.decided_on, "written_for": each.number}
    return found | {"rejected_text_days": settings.rejected_text_days}


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


def _tail(draft: Draft, brief: Brief) -> str:
    return brief.notice.tail(draft.text, _names_and_facts(brief)) if brief.notice else ""


def _names_and_facts(brief: Brief) -> tuple[str, ...]:
    """What others wrote of the contractor, without the words that are to be sent as they are."""
    return replace(brief, facts={key: value for key, value in brief.facts.items() if key != "template"}).quotable()


def _is_promised(draft: Draft) -> bool:
    return draft.source.startswith("promised:")


def _passed(draft: Draft, brief: Brief, standard: Standard) -> dict[str, object]:
    text = draft.text + _tail(draft, brief)
    long = standard.too_long(text) if _is_promised(draft) else None
    told = brief.notice is not None and brief.notice.says_how(text, _names_and_facts(brief))
    return _record(draft, text, reasons=[long] if long else [], says_opt_out=told)


def _rejected(draft: Draft, findings: tuple[Finding, ...]) -> dict[str, object]:
    return _record(draft, draft.text, reasons=[finding.as_json() for finding in findings], verdict="rejected")


def _record(
    draft: Draft,
    text: str,
    *,
    reasons: list[dict[str, object]],
    verdict: str | None = None,
    says_opt_out: bool = False,
) -> dict[str, object]:
    return {
        "draft": text,
        "draft_source": draft.source,
        "text_style": draft.style,
        "says_opt_out": says_opt_out,
        "ai_reasoning": draft.reasoning,
        "fallback_reason": draft.fallback_reason,
        "reasons": json.dumps(reasons),
        "verdict": verdict,
    }
