"""What may be wrong with a set of templates, each problem as half a sentence that names its place."""

import re
from collections.abc import Collection, Iterator

from ige_pipeline.generation import notice, untrusted
from ige_pipeline.generation.variants import MESSAGE_TYPES, PLACEHOLDERS, STYLES, SUBJECTS, Greeting, Templates, Variant

MAX_CHARACTERS = 300 - notice.ROOM
MIN_CHARACTERS = 20
MIN_VARIANTS = 3

_LONGEST = {
    **dict.fromkeys(SUBJECTS, "x" * untrusted.PHRASE_LIMIT),
    "company_name": "x" * 40,
    "first_name": "x" * untrusted.NAME_LIMIT,
}
_LINK = re.compile(r"://|www\.|@|\w\.\w{2,}")


def check(templates: Templates, *, phrases: Collection[str] = ()) -> list[str]:
    """Return every problem; none means fit to use. `phrases` are stock phrases that no text may hold."""
    openings = list(_greeting_problems(templates))
    if openings:  # no text can be filled without them
        return openings
    texts = (problem for each in templates.variants for problem in _variant_problems(each, templates, phrases))
    return [*_missing(templates), *texts]


def _greeting_problems(templates: Templates) -> Iterator[str]:
    for style in STYLES:
        match templates.greetings.get(style):
            case None:
                yield f"greetings/{style} is missing"
            case Greeting(named, plain):
                if untrusted.placeholders(named) != {"first_name"} or _loose_braces(named):
                    yield f"greetings/{style} named must hold {{first_name}} and nothing else in braces"
                if "{" in plain or "}" in plain:
                    yield f"greetings/{style} plain must not hold braces"


def _missing(templates: Templates) -> Iterator[str]:
    for message_type in MESSAGE_TYPES:
        for style in STYLES:
            found = [each for each in templates.variants if (each.message_type, each.style) == (message_type, style)]
            if len(found) < MIN_VARIANTS:
                yield f"{message_type}/{style} has {len(found)} texts and needs at least {MIN_VARIANTS}"
            if found and all(variant.needs for variant in found):
                yield f"{message_type}/{style} has no text that needs nothing but {{greeting}}"


def _variant_problems(variant: Variant, templates: Templates, phrases: Collection[str]) -> Iterator[str]:
    unknown = untrusted.placeholders(variant.text) - PLACEHOLDERS
    if unknown:
        yield f"{variant.place} has an unknown placeholder {{{min(unknown)}}}"
    elif _loose_braces(variant.text):
        yield f"{variant.place} has a brace that belongs to no placeholder"
    else:
        yield from _length_problems(variant, templates)
    lower = " ".join(variant.text.casefold().split())
    yield from (f'{variant.place} has the stock phrase "{phrase}"' for phrase in phrases if phrase.casefold() in lower)
    if variant.text.count("?") > 1 or variant.text.count("!") > 1:
        yield f"{variant.place} has more than one question or exclamation mark"
    if _LINK.search(variant.text):
        yield f"{variant.place} has a link or an address"
    if untrusted.cleaned(variant.text, limit=len(variant.text) + 1) != variant.text:
        yield f"{variant.place} has line breaks, double spaces or characters that cannot be seen"


def _length_problems(variant: Variant, templates: Templates) -> Iterator[str]:
    greeting = templates.greetings[variant.style]
    opened = max(untrusted.fill(greeting.named, _LONGEST), greeting.plain, key=len)
    longest = len(untrusted.fill(variant.text, {**_LONGEST, "greeting": opened}))
    if longest > MAX_CHARACTERS:
        yield f"{variant.place} may come to {longest} characters and {MAX_CHARACTERS} leave room for the opt-out"
    if len(variant.text.replace("{greeting}", "").strip()) < MIN_CHARACTERS:
        yield f"{variant.place} is shorter than {MIN_CHARACTERS} characters"


def _loose_braces(text: str) -> bool:
    bare = re.sub(r"\{[a-z_]+\}", "", text)
    return "{" in bare or "}" in bare
