"""A trigger: one SQL file whose head says what it is, and whose body selects who is due and why."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ige_pipeline.refusal import Refusal

MESSAGE_TYPES = frozenset(
    {"check_in", "milestone_follow_up", "resource_suggestion", "encouragement", "course_correction", "celebration"},
)
_HEAD = re.compile(r"^-- (\w+): +(.+?)\s*$", re.MULTILINE)
_REQUIRED = ("trigger", "message_type", "priority", "subject", "repeat_days", "at_most")


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
    selects, _, nearest = text.partition("\n-- nearest\n")
    head = dict(_HEAD.findall(selects))
    missing = [key for key in _REQUIRED if key not in head]
    if missing:
        raise Refusal(f"{file} does not say its {', '.join(missing)}: see docs/triggers.md for the head of a trigger.")
    if head["message_type"] not in MESSAGE_TYPES:
        raise Refusal(f"{file} has message_type {head['message_type']!r}, which is none of {sorted(MESSAGE_TYPES)}.")
    if not head["priority"].isdecimal() or int(head["priority"]) > 100:  # noqa: PLR2004 - a scale of 0 to 100
        raise Refusal(f"{file} has priority {head['priority']!r}: write a whole number from 0 to 100.")
    return Trigger(
        name=head["trigger"],
        message_type=head["message_type"],
        priority=int(head["priority"]),
        subject=head["subject"],
        repeat_days=head["repeat_days"],
        at_most=head["at_most"],
        selects=selects.strip().rstrip(";"),
        promised=head.get("promised") == "yes",
        nearest=nearest.strip().rstrip(";") or None,
    )


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
    found = [
        parse(file.read_text(encoding="utf-8"), file=f"triggers/{file.name}")
        for file in files(__package__).iterdir()
        if file.name.endswith(".sql") and not file.name.startswith("_")
    ]
    return tuple(sorted(found, key=lambda trigger: (-trigger.priority, trigger.name)))
