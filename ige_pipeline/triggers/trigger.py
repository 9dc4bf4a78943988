"""A trigger: one SQL file whose head says what it is, and whose body selects who is due and why."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ige_pipeline.refusal import Refusal

MESSAGE_TYPES = frozenset(
    {"check_in", "milestone_follow_up", "resource_suggestion", "encouragement", "course_correction", "celebration"},
)
_LEADING_COMMENT = re.compile(r"(?:[ \t]*(?:--[^\n]*)?(?:\n|\Z))*")
_HEAD = re.compile(r"^-- ([a-z_]+): *(.*?)\s*$", re.MULTILINE)
_NEAREST = re.compile(r"^-- nearest\s*$", re.MULTILINE)
_REQUIRED = ("trigger", "message_type", "priority", "subject", "repeat_days", "at_most")
_OPTIONAL = ("promised",)


@dataclass(frozen=True)
class Trigger:
    """Who is due, and why.

    `at_most` names the setting that holds the figure, and so does `repeat_days`, or it is "never" (once for each
    subject) or "each" (once for each occurrence). A promised one keeps a word that somebody gave.
    `nearest`, where there is one, selects for one contractor what each row still lacks.
    """

    name: str
    message_type: str
    priority: int
    subject: str
    repeat_days: str
    at_most: str
    selects: str
    promised: bool = False
    nearest: str | None = None


def parse(text: str, *, file: str) -> Trigger:
    """Read a trigger from its file's text; Refusal when the head is not whole."""
    selects, *rest = _NEAREST.split(text, maxsplit=1)
    head = _head(selects, file=file)
    missing = [key for key in _REQUIRED if not head.get(key)]
    if missing:
        raise Refusal(f"{file} does not say its {', '.join(missing)}: see docs/triggers.md for the head of a trigger.")
    if head["message_type"] not in MESSAGE_TYPES:
        raise Refusal(f"{file} has message_type {head['message_type']!r}, which is none of {sorted(MESSAGE_TYPES)}.")
    if not head["priority"].isdecimal() or int(head["priority"]) > 100:  # noqa: PLR2004 - a scale of 0 to 100
        raise Refusal(f"{file} has priority {head['priority']!r}: write a whole number from 0 to 100.")
    if head.get("promised", "yes") != "yes":
        raise Refusal(f"{file} has promised {head['promised']!r}: write yes, or leave the line out.")
    return Trigger(
        name=head["trigger"],
        message_type=head["message_type"],
        priority=int(head["priority"]),
        subject=head["subject"],
        repeat_days=head["repeat_days"],
        at_most=head["at_most"],
        selects=selects.strip().rstrip(";"),
        promised="promised" in head,
        nearest="".join(rest).strip().rstrip(";") or None,
    )


def _head(text: str, *, file: str) -> dict[str, str]:
    """Read the lines `-- key: value` of the comment that a file begins with; what comes later is SQL's own."""
    comment = _LEADING_COMMENT.match(text)
    lines = _HEAD.findall(comment.group() if comment else "")
    head = dict(lines)
    unknown = [key for key in head if key not in {*_REQUIRED, *_OPTIONAL}]
    if unknown:
        known = ", ".join((*_REQUIRED, *_OPTIONAL))
        raise Refusal(f"{file} has {unknown[0]} in its head, which means nothing: the keys are {known}.")
    twice = [key for number, (key, _) in enumerate(lines) if key in {earlier for earlier, _ in lines[:number]}]
    if twice:
        raise Refusal(f"{file} says its {twice[0]} twice: leave one of the two lines.")
    return head


def chosen(names: Collection[str]) -> tuple[Trigger, ...]:
    """Return the triggers of those names, all without any; Refusal for a name that there is not."""
    there = load_all()
    unknown = sorted(set(names) - {trigger.name for trigger in there})
    if unknown:
        raise Refusal(f"There is no trigger {unknown[0]}: `ige triggers list` shows all of them.")
    return tuple(trigger for trigger in there if not names or trigger.name in names)


@cache
def load_all() -> tuple[Trigger, ...]:
    """Read every trigger in this folder, highest priority first."""
    return read(
        (f"triggers/{file.name}", file.read_text(encoding="utf-8"))
        for file in files(__package__).iterdir()
        if file.name.endswith(".sql") and not file.name.startswith("_")
    )


def read(texts: Iterable[tuple[str, str]]) -> tuple[Trigger, ...]:
    """Read triggers from (file, text), highest priority first; Refusal where two have one name."""
    found = [parse(text, file=file) for file, text in texts]
    _require_own_names(found)
    return tuple(sorted(found, key=lambda trigger: (-trigger.priority, trigger.name)))


def _require_own_names(triggers: Collection[Trigger]) -> None:
    counted = Counter(trigger.name for trigger in triggers)
    twice = sorted(name for name, files_with_it in counted.items() if files_with_it > 1)
    if twice:
        raise Refusal(f"Two files are named {twice[0]} in their heads: a trigger needs a name of its own.")
