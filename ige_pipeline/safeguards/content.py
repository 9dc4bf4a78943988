"""Whether a text is fit to send. Pure: every reason against it is found, not only the first."""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path

from ige_pipeline.generation import segments
from ige_pipeline.generation.prompt import quotes_instructions
from ige_pipeline.generation.unseen import INSIDE_EMOJI
from ige_pipeline.safeguards import background, holes
from ige_pipeline.safeguards.contacts import NOTHING, AllowList, Contacts, find
from ige_pipeline.safeguards.figures import untraced_numbers
from ige_pipeline.safeguards.language import other_language
from ige_pipeline.safeguards.likeness import likeness
from ige_pipeline.safeguards.quantities import untraced_quantities
from ige_pipeline.safeguards.traces import untraced_dates, untraced_names
from ige_pipeline.settings import Settings

_PHRASES = Path(__file__).with_name("phrases.toml")

# Invisible characters, too: they hide links from this page's checks and letters from the reader.
_CONTROL = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_QUESTION_MARKS = "?\u00bf\uff1f\u061f"
_EXCLAMATION_MARKS = "!\u00a1\uff01\u203c"
# A longer text is rejected for its length; the other checks need not read all of a megabyte.
_READ_AT_MOST = 2_000


class ContentReason(StrEnum):
    """Why a text is not fit to send."""

    EMPTY = "empty"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_MANY_SEGMENTS = "too_many_segments"
    PLACEHOLDER_LEFT = "placeholder_left"
    STOCK_PHRASE = "stock_phrase"
    INNER_WORKINGS = "inner_workings"
    TOO_MANY_QUESTIONS = "too_many_questions"
    TOO_MANY_EXCLAMATIONS = "too_many_exclamations"
    LINK = "link"
    EMAIL_ADDRESS = "email_address"
    PHONE_NUMBER = "phone_number"
    CONTROL_CHARACTER = "control_character"
    UNTRACED_NUMBER = "untraced_number"
    UNTRACED_DATE = "untraced_date"
    UNTRACED_NAME = "untraced_name"
    NEARLY_THE_SAME = "nearly_the_same"
    OTHER_LANGUAGE = "other_language"
    NOT_EVALUATED = "not_evaluated"
    BACKGROUND_TOLD = "background_told"
    PROMISED_MONEY = "promised_money"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason against a text, with a count or a phrase of our own lists; never a part of the text itself."""

    reason: ContentReason
    observed: str | float
    limit: str | float | None = None

    def as_json(self) -> dict[str, object]:
        """Write it as the ledger keeps it."""
        return {"reason": str(self.reason), "observed": self.observed, "limit": self.limit}


@dataclass(frozen=True)
class _Case:
    """A text and what it is judged by; what several checks need is worked out once."""

    text: str
    facts: Sequence[str]
    settings: Settings
    allow: AllowList
    recent: Sequence[str]
    tail: str
    private: Sequence[str]
    as_given: bool
    hearsay: Sequence[str]

    @cached_property
    def read(self) -> str:
        return self.text[:_READ_AT_MOST]

    @cached_property
    def contacts(self) -> Contacts:
        return find(self.read, self.allow)

    @cached_property
    def known(self) -> tuple[str, ...]:
        return *self.stated, *self.heard

    @cached_property
    def stated(self) -> tuple[str, ...]:
        return tuple(unicodedata.normalize("NFKC", fact) for fact in self.facts)

    @cached_property
    def heard(self) -> tuple[str, ...]:
        return tuple(unicodedata.normalize("NFKC", each) for each in self.hearsay)


Check = Callable[[_Case], tuple[bool, str | float, str | float | None]]
"""Answers: is it against the text, what was seen, what is allowed."""


def review(
    text: str,
    *,
    facts: Sequence[str],
    settings: Settings,
    allow: AllowList = NOTHING,
    recent: Sequence[str] = (),
    tail: str = "",
    private: Sequence[str] = (),
    as_given: bool = False,
    hearsay: Sequence[str] = (),
) -> tuple[Finding, ...]:
    """Return every reason against `text`; none means fit to send.

    `facts` are all strings that the text may draw on, `hearsay` those that it may but for amounts and codes, `private`
    what must not show, `recent` the texts that this contractor got lately. Judge the very text that will be sent:
    `segments.downgrade` comes before. `tail` is ours and only counted in the length. `as_given` says that a person
    wrote it: then only what must be a hole is one.
    """
    case = _Case(text, facts, settings, allow, recent, tail, private, as_given, hearsay)
    findings = (_finding(reason, check, case) for reason, check in _CHECKS.items())
    return tuple(finding for finding in findings if finding is not None)


@cache
def phrases() -> Mapping[str, tuple[str, ...]]:
    """Read the lists of phrases that no text may hold."""
    return {name: tuple(listed) for name, listed in tomllib.loads(_PHRASES.read_text(encoding="utf-8")).items()}


def _finding(reason: ContentReason, check: Check, case: _Case) -> Finding | None:
    try:
        against, observed, limit = check(case)
    except Exception:  # noqa: BLE001 - what cannot be evaluated blocks, whatever the cause
        return Finding(ContentReason.NOT_EVALUATED, reason.value)
    return Finding(reason, observed, limit) if against else None


def _empty(case: _Case) -> tuple[bool, int, int]:
    length = len(case.text.strip())
    return length == 0, length, 1


def _too_short(case: _Case) -> tuple[bool, int, int]:
    length = len(case.text.strip())
    return length < case.settings.min_characters, length, case.settings.min_characters


def _too_long(case: _Case) -> tuple[bool, int, int]:
    length = len(case.text + case.tail)
    return length > case.settings.max_characters, length, case.settings.max_characters


def _too_many_segments(case: _Case) -> tuple[bool, int, int]:
    taken = segments.count(case.text + case.tail)
    return taken > case.settings.max_segments, taken, case.settings.max_segments


def _placeholder_left(case: _Case) -> tuple[bool, int, int]:
    if case.as_given:
        return _any(holes.left(case.read))
    return _any(holes.suspected(case.read) + holes.fields(case.contacts.rest, case.known))


def _promised_money(case: _Case) -> tuple[bool, str, None]:
    return _phrase("promised_money", case)


def _stock_phrase(case: _Case) -> tuple[bool, str, None]:
    return _phrase("stock", case)


def _inner_workings(case: _Case) -> tuple[bool, str, None]:
    if quotes_instructions(case.read):
        return True, "the instructions of the model", None
    return _phrase("inner_workings", case)


def _too_many_questions(case: _Case) -> tuple[bool, int, int]:
    asked = sum(case.text.count(mark) for mark in _QUESTION_MARKS)
    return asked > case.settings.max_questions, asked, case.settings.max_questions


def _too_many_exclamations(case: _Case) -> tuple[bool, int, int]:
    exclaimed = sum(case.text.count(mark) for mark in _EXCLAMATION_MARKS)
    return exclaimed > case.settings.max_exclamations, exclaimed, case.settings.max_exclamations


def _link(case: _Case) -> tuple[bool, int, int]:
    return _any(case.contacts.links)


def _email_address(case: _Case) -> tuple[bool, int, int]:
    return _any(case.contacts.emails)


def _phone_number(case: _Case) -> tuple[bool, int, int]:
    return _any(case.contacts.phones)


def _control_character(case: _Case) -> tuple[bool, int, int]:
    return _any(
        sum(unicodedata.category(char) in _CONTROL and char != "\n" for char in INSIDE_EMOJI.sub("", case.read))
    )


def _untraced_number(case: _Case) -> tuple[bool, int, int]:
    text = case.contacts.rest
    return _any(untraced_numbers(text, case.known) + untraced_quantities(text, case.stated, case.heard))


def _untraced_date(case: _Case) -> tuple[bool, int, int]:
    return _any(untraced_dates(case.contacts.rest, case.known))


def _untraced_name(case: _Case) -> tuple[bool, int, int]:
    return _any(untraced_names(case.contacts.rest, case.known, case.allow.names))


def _nearly_the_same(case: _Case) -> tuple[bool, float, float]:
    most = max((likeness(case.read, before) for before in case.recent), default=0.0)
    return most >= case.settings.near_duplicate_share, round(most, 2), case.settings.near_duplicate_share


def _other_language(case: _Case) -> tuple[bool, str | int, str]:
    found = other_language(case.contacts.rest, case.settings.language, quoted=case.known)
    return found is not None, found or 0, case.settings.language


def _background_told(case: _Case) -> tuple[bool, int, int]:
    return _any(background.tells(case.read, private=case.private, known=case.known))


def _any(found: int) -> tuple[bool, int, int]:
    return found > 0, found, 0


def _phrase(listed: str, case: _Case) -> tuple[bool, str, None]:
    words = _as_words(case.read)
    found = [phrase for phrase in phrases()[listed] if _as_words(phrase) in words]
    return bool(found), "; ".join(found), None


def _as_words(text: str) -> str:
    """Return the words alone, a space on each side, so that only whole words match."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    words = " ".join(re.findall(r"[\w']+", folded))
    return f" {words} "


_CHECKS: Mapping[ContentReason, Check] = {
    ContentReason.EMPTY: _empty,
    ContentReason.TOO_SHORT: _too_short,
    ContentReason.TOO_LONG: _too_long,
    ContentReason.TOO_MANY_SEGMENTS: _too_many_segments,
    ContentReason.PLACEHOLDER_LEFT: _placeholder_left,
    ContentReason.STOCK_PHRASE: _stock_phrase,
    ContentReason.INNER_WORKINGS: _inner_workings,
    ContentReason.TOO_MANY_QUESTIONS: _too_many_questions,
    ContentReason.TOO_MANY_EXCLAMATIONS: _too_many_exclamations,
    ContentReason.LINK: _link,
    ContentReason.EMAIL_ADDRESS: _email_address,
    ContentReason.PHONE_NUMBER: _phone_number,
    ContentReason.CONTROL_CHARACTER: _control_character,
    ContentReason.UNTRACED_NUMBER: _untraced_number,
    ContentReason.UNTRACED_DATE: _untraced_date,
    ContentReason.UNTRACED_NAME: _untraced_name,
    ContentReason.NEARLY_THE_SAME: _nearly_the_same,
    ContentReason.OTHER_LANGUAGE: _other_language,
    ContentReason.BACKGROUND_TOLD: _background_told,
    ContentReason.PROMISED_MONEY: _promised_money,
}
