"""What the model is told. The part that never changes comes first, so that a provider can cache it."""

import json
import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from ige_pipeline.generation import promised, tone
from ige_pipeline.generation.draft import PRIVATE_FACTS, Brief, is_told
from ige_pipeline.generation.segments import downgrade, is_gsm7, utf16_units
from ige_pipeline.generation.untrusted import cleaned, company, name

_TEXTS = Path(__file__).with_name("prompts")

# Add a version with every change of a text: it is stored with each draft, and figures are compared by it.
VERSIONS = ("concierge-3", "concierge-2", "concierge-1")
NEWEST = VERSIONS[0]
# The first one was told neither what was said before nor how to sound.
_WITHOUT_MEMORY = frozenset({"concierge-1"})

_LANGUAGES = {"en": "English", "es": "Spanish", "fr": "French", "it": "Italian", "nl": "Dutch"}

# What the instructions allow, and what is said where a notice takes some of it.
_MOST = 280
# Two SMS in UTF-16: letters outside of the GSM alphabet turn the whole text into it.
_MOST_IN_OTHER_LETTERS = 134
_ROOM_FOR = "Who writes and how to opt out is put behind your text: do not write it yourself."

_VALUE_LIMIT = 400
# Of a promised text nothing may be missing.
_PROMISE_LIMIT = 2000
_FACTS_AT_MOST = 30
_EXCHANGES_AT_MOST = 3
_QUOTED_WORDS = 6
_COPIED_SHARE = 0.7
_EXAMPLES = "EXAMPLES"
_OPEN = "<contractor_data>"
_CLOSE = "</contractor_data>"


@cache
def instructions(version: str = NEWEST, *, language: str = "en") -> str:
    """Return the part that is the same for every contractor; ValueError for a version that does not exist."""
    if version not in VERSIONS:
        raise ValueError(f"There is no prompt {version!r}")
    text = (_TEXTS / f"{version}.txt").read_text(encoding="utf-8").strip()
    return text.replace("<<language>>", _LANGUAGES[language])


def quotes_instructions(text: str) -> bool:
    """Whether `text` has so much of what a model is told, of any version, that it can only come from there."""
    return any(run in _rules() for run in _runs(text)) or any(_copies(text, shown) for shown in _examples())


@cache
def _rules() -> frozenset[tuple[str, ...]]:
    told = [instructions(version).split(_EXAMPLES)[0] for version in VERSIONS]
    return frozenset(run for text in (*told, *tone.ALL, _ROOM_FOR) for run in _runs(text))


@cache
def _examples() -> frozenset[str]:
    listed = [line for version in VERSIONS for line in instructions(version).split(_EXAMPLES)[-1].splitlines()]
    return frozenset(line for line in listed if line.startswith("Hi "))


def _copies(text: str, example: str) -> bool:
    """Whether a text is an example but for a name; they are there to be sounded like, so a turn of phrase may stay."""
    pairs, shown = (set(pairwise(re.findall(r"\w+", each.casefold()))) for each in (text, example))
    return len(pairs & shown) >= _COPIED_SHARE * len(pairs | shown)


def _runs(text: str) -> list[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return [tuple(words[start : start + _QUOTED_WORDS]) for start in range(len(words) - _QUOTED_WORDS + 1)]


def messages(
    brief: Brief, *, objections: Sequence[str] = (), version: str = NEWEST, language: str = "en"
) -> list[dict[str, str]]:
    """Return the chat: our instructions, then the data of this one contractor, then what was wrong with a first try.

    `objections` are reasons in our own words, never parts of a rejected text.
    """
    remembers = version not in _WITHOUT_MEMORY
    told = f"{_OPEN}\n{_as_data(brief, remembers=remembers)}\n{_CLOSE}"
    if remembers:
        told = f"TONE: {tone.towards(brief.trust)}\n{told}"
    if room := _room(brief):
        told += f"\nROOM: {room}"
    if objections:
        told += "\nYour first text was rejected. Write another that avoids this: " + "; ".join(objections) + "."
    system = instructions(version, language=language)
    return [{"role": "system", "content": system}, {"role": "user", "content": told}]


def asked(
    brief: Brief, *, objections: Sequence[str] = (), version: str = NEWEST, language: str = "en"
) -> dict[str, str | list[str]]:
    """Return what the question holds beside the facts and the texts before: the ledger keeps it with the draft."""
    tones = {} if version in _WITHOUT_MEMORY else {"tone": tone.towards(brief.trust)}
    said = _named(brief) | tones | _known({"room": _room(brief)}) | {"language": language}
    return {**said, **({"objections": list(objections)} if objections else {})}


def _named(brief: Brief) -> dict[str, str]:
    return _known({"first_name": name(brief.first_name), "company_name": company(brief.company_name)})


def _room(brief: Brief) -> str:
    """Say how long the text may be where that is less than the instructions allow."""
    tail = brief.notice.tail(".") if brief.notice else ""
    most = _MOST if is_gsm7(downgrade(name(brief.first_name)) + tail) else _MOST_IN_OTHER_LETTERS
    if most == _MOST and not tail:
        return ""
    return f"at most {most - sum(map(utf16_units, tail))} characters. {_ROOM_FOR if tail else ''}".rstrip()


def fact_keys(brief: Brief) -> frozenset[str]:
    """Return the keys that an answer may say it used."""
    return frozenset({"first_name", "company_name", "last_exchanges", *_facts(brief, private=False)})


def _as_data(brief: Brief, *, remembers: bool) -> str:
    content: dict[str, object] = {
        "message_type": brief.message_type,
        "contractor": _named(brief),
        "facts": _facts(brief, private=False),
        "background": _facts(brief, private=True),
    }
    if remembers:
        content["last_exchanges"] = _exchanges(brief)
    # With no angle bracket in it, nothing inside can close the delimiter.
    return json.dumps(content, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e")


def _facts(brief: Brief, *, private: bool) -> dict[str, str]:
    chosen = [key for key in brief.facts if is_told(key) and (key in PRIVATE_FACTS) is private][:_FACTS_AT_MOST]
    return _known({cleaned(key, limit=40): _told(brief, key) for key in chosen})


def _told(brief: Brief, key: str) -> str:
    promise = promised.own_words(brief) if key == "template" else None
    return cleaned(promise.text, limit=_PROMISE_LIMIT) if promise else cleaned(brief.facts[key], limit=_VALUE_LIMIT)


def _exchanges(brief: Brief) -> list[dict[str, str]]:
    return [
        _known(
            {
                "days_ago": str(each.days_ago),
                "we_said": cleaned(each.said, limit=_VALUE_LIMIT),
                "they_said": cleaned(each.replied, limit=_VALUE_LIMIT),
            }
        )
        for each in brief.exchanges[-_EXCHANGES_AT_MOST:]
    ]


def _known(values: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in values.items() if key and value}
