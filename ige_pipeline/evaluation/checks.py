"""What a text is held to in an evaluation: every check of production, and what only a known situation can show."""

from collections.abc import Iterator

from ige_pipeline.evaluation.situation import Situation
from ige_pipeline.generation import untrusted
from ige_pipeline.generation.draft import Draft
from ige_pipeline.safeguards.contacts import AllowList
from ige_pipeline.safeguards.content import ContentReason
from ige_pipeline.safeguards.review import Standard
from ige_pipeline.settings import Settings

NO_TEXT = "no_text"
_FORBIDDEN_SAID = "forbidden_said"
_NOT_GREETED = "not_greeted"

ALL = (NO_TEXT, *map(str, ContentReason), _FORBIDDEN_SAID, _NOT_GREETED)
"""Every check by its name, in the order in which they are shown."""


def standard_of(situation: Situation, settings: Settings) -> Standard:
    """Return what production would hold a text in this situation to."""
    return Standard(settings, AllowList.of(settings), recent=situation.recent)


def failed(situation: Situation, draft: Draft, settings: Settings) -> tuple[str, ...]:
    """Return the names of the checks that a text fails."""
    found = standard_of(situation, settings).objections(draft, situation.brief)
    return (*(str(finding.reason) for finding in found), *_own(situation, draft.text))


def _own(situation: Situation, text: str) -> Iterator[str]:
    folded = text.casefold()
    if any(words.casefold() in folded for words in situation.never):
        yield _FORBIDDEN_SAID
    name = untrusted.name(situation.brief.first_name)
    if name and name.casefold() not in folded:
        yield _NOT_GREETED
