"""Whether templates would pass the checks that every text must pass, tried with made-up values in their places."""

from collections.abc import Iterator

from ige_pipeline.generation import template
from ige_pipeline.generation.draft import Brief
from ige_pipeline.generation.notice import Notice
from ige_pipeline.generation.segments import count, downgrade
from ige_pipeline.generation.template_check import check
from ige_pipeline.generation.variants import EXAMPLE, MESSAGE_TYPES, Templates
from ige_pipeline.safeguards.contacts import AllowList
from ige_pipeline.safeguards.content import review
from ige_pipeline.settings import Settings

_OTHER_LETTERS = "Nguy\u1ec5n"


def problems(templates: Templates, settings: Settings) -> list[str]:
    """Return every problem as half a sentence that names its place; none means that each text could be sent."""
    return check(templates) or [*_unfit(templates, settings), *_too_long_for_other_letters(templates, settings)]


def _unfit(templates: Templates, settings: Settings) -> Iterator[str]:
    allow = AllowList.of(settings)
    for variant in templates.variants:
        text = downgrade(template.filled(variant, templates, EXAMPLE))
        for finding in review(text, facts=tuple(EXAMPLE.values()), settings=settings, allow=allow):
            seen = f": {finding.observed}" if isinstance(finding.observed, str) else ""
            yield f"{variant.place} would be rejected as {finding.reason}{seen}"


def _too_long_for_other_letters(templates: Templates, settings: Settings) -> Iterator[str]:
    """A list that leaves somebody called Nguy\u1ec5n without any first text would be silent to all such names."""
    notice = Notice(settings.sender_name, settings.opt_out_text)
    for message_type in MESSAGE_TYPES:
        drafts = list(template.drafts(_met_first(message_type), templates=templates))
        said = (downgrade(draft.text) + notice.tail(draft.text) for draft in drafts)
        if not any(len(text) <= settings.max_characters and count(text) <= settings.max_segments for text in said):
            yield f"{message_type} has no first text short enough for somebody called {_OTHER_LETTERS}"


def _met_first(message_type: str) -> Brief:
    return Brief(0, 0, "", message_type, first_name=_OTHER_LETTERS, company_name=None, facts={}, reason="")
