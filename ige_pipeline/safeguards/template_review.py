"""Whether templates would pass the checks that every text must pass, tried with made-up values in their places."""

from collections.abc import Iterator

from ige_pipeline.generation import template
from ige_pipeline.generation.segments import downgrade
from ige_pipeline.generation.template_check import check
from ige_pipeline.generation.variants import EXAMPLE, Templates
from ige_pipeline.safeguards.contacts import AllowList
from ige_pipeline.safeguards.content import review
from ige_pipeline.settings import Settings


def problems(templates: Templates, settings: Settings) -> list[str]:
    """Return every problem as half a sentence that names its place; none means that each text could be sent."""
    return check(templates) or list(_unfit(templates, settings))


def _unfit(templates: Templates, settings: Settings) -> Iterator[str]:
    allow = AllowList.of(settings)
    for variant in templates.variants:
        text = downgrade(template.filled(variant, templates, EXAMPLE))
        for finding in review(text, facts=tuple(EXAMPLE.values()), settings=settings, allow=allow):
            seen = f": {finding.observed}" if isinstance(finding.observed, str) else ""
            yield f"{variant.place} would be rejected as {finding.reason}{seen}"
