"""The templates: read from a data file, and chosen so that the same brief always gets the same text."""

import hashlib
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from ige_pipeline.generation import untrusted, voice
from ige_pipeline.generation.draft import Brief, Draft
from ige_pipeline.generation.segments import is_gsm7
from ige_pipeline.generation.template_check import check
from ige_pipeline.generation.variants import MESSAGE_TYPES, STYLES, SUBJECTS, Greeting, Templates, Variant
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings

BUILT_IN = Path(__file__).with_name("templates.toml")


def read(path: Path = BUILT_IN) -> Templates:
    """Read a data file without checking its texts; Refusal, naming the place, when it cannot be read."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise Refusal(f"The templates file {path} cannot be read: {problem.strerror}.") from problem
    except ValueError as problem:  # malformed TOML, or not UTF-8
        raise Refusal(f"The templates file {path} is not valid TOML: {problem}.") from problem
    return parse(content)


def load(path: Path = BUILT_IN) -> Templates:
    """Read and check a data file; Refusal, naming the place, when it cannot be read or has a mistake."""
    templates = read(path)
    problems = check(templates)
    if problems:
        others = f" ({len(problems) - 1} more in this file)" if len(problems) > 1 else ""
        raise Refusal(f"The templates file {path} has a mistake: {problems[0]}.{others}")
    return templates


def of(settings: Settings) -> Templates:
    """Return the templates that the settings name; Refusal as for `load`."""
    return load(file_of(settings))


def file_of(settings: Settings) -> Path:
    """Return the file that the settings name: one's own, else the built-in one."""
    return Path(settings.templates_file).expanduser() if settings.templates_file else BUILT_IN


def parse(content: Mapping[str, Any]) -> Templates:
    """Turn a file's content into templates; Refusal, naming the place, for anything that is not of its shape."""
    unknown = set(content) - {"greetings", *MESSAGE_TYPES}
    if unknown:
        raise Refusal(f"The templates file has a section [{min(unknown)}] that is not a message type.")
    greetings = {style: _greeting(style, given) for style, given in _table("greetings", content).items()}
    texts = {message_type: _table(message_type, content) for message_type in MESSAGE_TYPES if message_type in content}
    variants = tuple(
        Variant(message_type, style, number, text)
        for message_type, styles in texts.items()
        for style, listed in styles.items()
        for number, text in enumerate(_texts(f"{message_type}/{style}", listed), start=1)
    )
    return Templates(greetings, variants)


def write(brief: Brief, *, templates: Templates, style: str | None = None, exclude: Collection[str] = ()) -> Draft:
    """Return the first draft whose source is not excluded; LookupError when none is left."""
    for draft in drafts(brief, templates=templates, style=style):
        if draft.source not in exclude:
            return draft
    raise LookupError(f"No template is left for a {brief.message_type} message ({len(exclude)} were excluded)")


def drafts(brief: Brief, *, templates: Templates, style: str | None = None) -> Iterator[Draft]:
    """Yield every draft that fits the brief, best first: the wanted style, then those that name their subject.

    The order hangs on the contractor, the trigger and the occurrence alone. Without a style a contractor has one by
    its id, so that it hears one voice. A name whose letters halve an SMS comes with every text once more without it.
    """
    if style is not None and style not in STYLES:
        raise ValueError(f"There is no style {style!r}")
    values = _values(brief)
    wanted = style or brief.style or voice.own(brief.contractor_id)
    for known in _sayings(values):
        fitting = [variant for variant in templates.variants if _fits(variant, brief.message_type, known)]
        for variant in sorted(fitting, key=lambda each: _rank(each, brief, wanted)):
            yield Draft(text=filled(variant, templates, known), reasoning=brief.reason, source=variant.source)


def filled(variant: Variant, templates: Templates, values: Mapping[str, str]) -> str:
    """Return a variant's text with `values` in their places; KeyError where one is missing."""
    greeting = _greet(templates.greetings[variant.style], values)
    return untrusted.fill(variant.text, {**values, "greeting": greeting})


def _values(brief: Brief) -> dict[str, str]:
    values = {subject: untrusted.lowered(untrusted.phrase(brief.facts.get(subject))) for subject in SUBJECTS}
    values["event_name"] = untrusted.phrase(brief.facts.get("event_name"))
    values["company_name"] = untrusted.company(brief.company_name, limit=40)
    values["first_name"] = untrusted.name(brief.first_name)
    return {placeholder: value for placeholder, value in values.items() if value}


def _sayings(values: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    yield values
    if not is_gsm7(values.get("first_name", "")):
        yield {placeholder: value for placeholder, value in values.items() if placeholder != "first_name"}


def _fits(variant: Variant, message_type: str, values: Mapping[str, str]) -> bool:
    return variant.message_type == message_type and variant.needs <= values.keys()


def _rank(variant: Variant, brief: Brief, wanted: str) -> tuple[bool, str, bool, str]:
    other = variant.style != wanted
    vague = variant.needs.isdisjoint(SUBJECTS)
    drawn = _draw(brief.contractor_id, brief.trigger, brief.occurrence, variant.place)
    return (other, variant.style if other else "", vague, drawn)


def _draw(*parts: object) -> str:
    # hash() differs from process to process; each candidate draws for itself, so that a new variant moves few others.
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()


def _greet(greeting: Greeting, values: Mapping[str, str]) -> str:
    return untrusted.fill(greeting.named, values) if "first_name" in values else greeting.plain


def _table(name: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
    table = content.get(name)
    if not isinstance(table, dict):
        raise Refusal(f"The templates file has no section [{name}] with one entry for each style.")
    unknown = set(table) - set(STYLES)
    if unknown:
        raise Refusal(f"The templates file names a style that does not exist: {name}/{min(unknown)}.")
    return table


def _greeting(style: str, given: object) -> Greeting:
    match given:
        case {"named": str(named), "plain": str(plain), **others} if not others:
            return Greeting(named, plain)
        case _:
            raise Refusal(f"The templates file needs exactly two texts, named and plain, at greetings/{style}.")


def _texts(place: str, listed: object) -> list[str]:
    if not isinstance(listed, list):
        raise Refusal(f"The templates file needs a list of texts at {place}.")
    for number, text in enumerate(listed, start=1):
        if not isinstance(text, str):
            raise Refusal(f"The templates file has something that is not a text at {place}/{number}.")
    return listed
