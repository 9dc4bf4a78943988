"""Texts that somebody else wrote for a promised message: filled in, and otherwise left in their own words."""

import re
from collections.abc import Mapping
from typing import Any

from ige_pipeline.generation import untrusted
from ige_pipeline.generation.draft import Brief, Draft

_PLACEHOLDER = re.compile(r"\{\{?\s*(\w+)\s*\}?\}")
_FIRST_NAME = frozenset({"firstname", "first_name"})
_COMPANY = frozenset({"company", "companyname", "company_name"})
_EVENT = frozenset({"name", "eventname", "event_name"})


def own_words(brief: Brief) -> Draft | None:
    """Return the given text with its names filled in, None where there is none.

    `{firstName}` is the contractor's, `{name}` the event's; the row's own personalisation data win over both. What has
    no value stays as it is, and the check of contents refuses it: a text with a hole reaches nobody.
    """
    pattern = str(brief.facts.get("template") or "").strip()
    if not pattern:
        return None
    text = _PLACEHOLDER.sub(lambda found: _value(found.group(1), brief) or found.group(0), pattern)
    return Draft(text=text, reasoning=brief.reason, source=f"promised:{brief.trigger}")


def wants_model(brief: Brief) -> bool:
    """Whether a model may put it into its own words: only where the row says so."""
    return "template" not in brief.facts or brief.facts.get("personalise") is True


def _value(name: str, brief: Brief) -> str:
    given = brief.facts.get("names")
    if isinstance(given, Mapping) and name in given:
        return untrusted.cleaned(_plain(given[name]), limit=100)
    key = name.lower()
    if key in _FIRST_NAME:
        return untrusted.name(brief.first_name or "") or "there"
    if key in _COMPANY:
        return untrusted.cleaned(brief.company_name or "", limit=100)
    if key in _EVENT:
        return untrusted.cleaned(brief.facts.get("event_name") or "", limit=100)
    return ""


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else ""
