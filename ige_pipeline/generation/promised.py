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

_ADDRESS = r"\{\{?\s*(?P<key>(?i:first_?name))\s*\}?\}"
# "Maria, here it is." and "Thanks Maria!" can go without the name; "ask for Maria" cannot.
_AT_START = re.compile(rf"(?P<before>(?:^|[.!?\n])\s*){_ADDRESS}, *(?P<next>\w)")
_THANKS = r"(?i:thanks|thank you|welcome|congratulations|congrats|well done|cheers|morning|afternoon|evening)"
_AT_END = re.compile(rf"(?:(?P<before>\b{_THANKS}),? +|, *){_ADDRESS}(?P<next>)(?=[.!?,\n]|$)")


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
    pattern = _without_address(pattern, brief)
    text = _PLACEHOLDER.sub(lambda found: _filled(found, brief) or found.group(0), pattern)
    return Draft(text=text, reasoning=brief.reason, source=f"promised:{brief.trigger}")


def wants_model(brief: Brief) -> bool:
    """Whether a model may put it into its own words: only where the row says so."""
    return "template" not in brief.facts or brief.facts.get("personalise") is True


def _without_address(pattern: str, brief: Brief) -> str:
    """Return the words as one says them to somebody whose name one does not know, where it is not known."""

    def spoken(found: re.Match[str]) -> str:
        if _given(found["key"], brief) or untrusted.name(brief.first_name):
            return found.group()
        return f"{found['before']}{found['next'].upper()}" if found["next"] else found["before"]

    return _AT_END.sub(spoken, _AT_START.sub(spoken, pattern))


def _filled(found: re.Match[str], brief: Brief) -> str:
    name, greets = found.group(1), _GREETING.search(found.string[: found.start()])
    nobody = "there" if greets else ""
    if name.lower() != "name":
        return _given(name, brief) or _value(name.lower(), brief) or (nobody if name.lower() in _FIRST_NAME else "")
    if greets:
        return _value("firstname", brief) or nobody
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
        return untrusted.name(brief.first_name)
    if key in _COMPANY:
        return untrusted.company(brief.company_name)
    if key in _EVENT:
        return untrusted.cleaned(brief.facts.get("event_name") or "", limit=100)
    return ""


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else ""
