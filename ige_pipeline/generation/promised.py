"""Texts that somebody else wrote for a promised message: filled in, and otherwise left in their own words."""

import re
from collections.abc import Mapping
from typing import Any

from ige_pipeline.generation import untrusted
from ige_pipeline.generation.draft import Brief, Draft
from ige_pipeline.generation.unseen import tidied

_PLACEHOLDER = re.compile(r"\{\{?\s*(\w+)\s*\}?\}")
_FIRST_NAME = frozenset({"firstname", "first_name"})
_COMPANY = frozenset({"company", "companyname", "company_name"})
_EVENT = frozenset({"name", "eventname", "event_name"})
# What stands before the name of the person who is greeted.
_GREETING = re.compile(r"\b(?:hi|hello|hey|dear|morning|afternoon|evening)(?: there)?,? *$", re.IGNORECASE)


def own_words(brief: Brief) -> Draft | None:
    """Return the given text with its names filled in, None where there is none.

    `{firstName}` is the contractor's, `{name}` the event's, except in a greeting: whoever writes "Hi {name}" means the
    person, and an event is not named after the contractor. The row's own personalisation data win where they do not
    confuse the two. What has no value stays as it is, and the check of contents refuses it: a text with a hole reaches
    nobody.
    """
    pattern = tidied(str(brief.facts.get("template") or "")).strip()
    if not pattern:
        return None
    text = _PLACEHOLDER.sub(lambda found: _filled(found, brief) or found.group(0), pattern)
    return Draft(text=text, reasoning=brief.reason, source=f"promised:{brief.trigger}")


def wants_model(brief: Brief) -> bool:
    """Whether a model may put it into its own words: only where the row says so."""
    return "template" not in brief.facts or brief.facts.get("personalise") is True


def _filled(found: re.Match[str], brief: Brief) -> str:
    name = found.group(1)
    if name.lower() != "name":
        return _given(name, brief) or _value(name.lower(), brief)
    if _GREETING.search(found.string[: found.start()]):
        return _value("firstname", brief)
    given = _given(name, brief)
    return _value("name", brief) if _is_theirs(given, brief) else given


def _given(name: str, brief: Brief) -> str:
    given = brief.facts.get("names")
    return untrusted.cleaned(_plain(given.get(name)), limit=100) if isinstance(given, Mapping) else ""


def _is_theirs(given: str, brief: Brief) -> bool:
    """Whether that is the contractor's own name and not an event's: nothing at all, their first name, or all of it."""
    first = (brief.first_name or "").casefold().strip()
    return not given or (bool(first) and f"{given.casefold()} ".startswith(f"{first} "))


def _value(key: str, brief: Brief) -> str:
    if key in _FIRST_NAME:
        return untrusted.name(brief.first_name or "") or "there"
    if key in _COMPANY:
        return untrusted.cleaned(brief.company_name or "", limit=100)
    if key in _EVENT:
        return untrusted.cleaned(brief.facts.get("event_name") or "", limit=100)
    return ""


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else ""
