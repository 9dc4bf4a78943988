"""Text that others wrote, made safe to stand in a sentence or a prompt. It stays data: nothing here interprets it."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

PHRASE_LIMIT = 80
NAME_LIMIT = 24
_NAME_WORDS = 3

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_CLAUSE_END = re.compile(r"[.;!?](?=\s)|\s[-\u2013\u2014]\s|\s\(|,\s")
_CLOSING = " .,;:!?-\u2013\u2014\u2026"
_SENTENCE_END = (".", "!", "?")
_NOT_A_NAME = frozenset({"n/a", "na", "none", "null", "undefined", "unknown", "test", "tbd", "contractor", "customer"})
_NO_COMPANY = _NOT_A_NAME | {"n.a", "nil", "no", "no company", "not applicable", "company", "self", "self employed"}
# Only these lose their capital inside a sentence: any other first word may be a proper name.
_ORDINARY = """
    a add agree all an answer apply approve arrange ask attend book bring build buy call check choose clean close
    collect compare complete confirm connect contact create cut decide define deliver design develop document download
    draft email enter establish estimate explore file fill finalise finalize find finish first fix follow gather get
    go grow hire identify implement improve increase install join launch learn list log look make map measure meet
    move new next open order organise organize our pay pick plan post prepare price print publish put raise reach read
    receive recruit reduce register renew repair reply report request research resolve return review run save schedule
    secure select sell send set share show sign sort start submit switch take talk test the think track train try turn
    understand update upgrade upload use verify visit watch win work write your
    added booked built collected completed confirmed created delivered finished got hired launched
    made paid published registered renewed scheduled sent signed submitted updated uploaded
"""
_ORDINARY_STARTS = frozenset(_ORDINARY.split())


def cleaned(value: object, *, limit: int = 500) -> str:
    """Return one line without control or invisible characters, spaces collapsed, cut at `limit`; "" for no text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal | date):
        return ""
    # Bounded before the work, so that a value of a megabyte costs no more than a long one.
    text = unicodedata.normalize("NFC", str(value)[: limit * 4])
    # Most text is plain, and then there is nothing to look for letter by letter.
    plain = text.isascii() and text.isprintable()
    seen = (
        text if plain else "".join(" " if _breaks(char) else char for char in text if _breaks(char) or _visible(char))
    )
    return " ".join(seen.split())[:limit].rstrip()


def phrase(value: object, *, limit: int = PHRASE_LIMIT) -> str:
    """Return a clause that can stand in a sentence, its closing punctuation dropped; "" when there is none that fits.

    A longer value gives its first clause; a cut in the middle of one would change what it says.
    """
    text = cleaned(value, limit=limit * 4)
    if " " not in text:
        text = " ".join(text.replace("_", " ").split())
    if len(text) > limit:
        text = _CLAUSE_END.split(text, maxsplit=1)[0]
    text = text.strip(_CLOSING)
    return text if len(text) <= limit and any(char.isalnum() for char in text) else ""


def name(value: object) -> str:
    """Return a first name fit for a greeting; "" for anything that does not look like one."""
    text = cleaned(value, limit=NAME_LIMIT + 1).strip(" ,")
    words = text.split()
    if not (0 < len(words) <= _NAME_WORDS and len(text) <= NAME_LIMIT and text.casefold() not in _NOT_A_NAME):
        return ""
    return " ".join(_capitalised(word) for word in words) if all(map(_is_name, words)) else ""


def company(value: object, *, limit: int = PHRASE_LIMIT) -> str:
    """Return a company's name fit to be said; "" for what stands where there is none."""
    text = phrase(value, limit=limit)
    return "" if text.casefold() in _NO_COMPANY else text


def lowered(text: str) -> str:
    """Return `text` as it reads inside a sentence: an ordinary first word loses its capital, any other keeps it."""
    first, _, rest = text.partition(" ")
    heading = any(word[:1].isupper() for word in rest.split())
    return text[:1].lower() + text[1:] if first.lower() in _ORDINARY_STARTS and not heading else text


def fill(pattern: str, values: Mapping[str, str]) -> str:
    """Put `values` in the place of each `{name}`; KeyError for a name without one.

    One pass over our own pattern: a value that holds braces stays as it is. A value that opens a sentence gets a
    capital, one inside a sentence is lowered.
    """

    def put(match: re.Match[str]) -> str:
        before = pattern[: match.start()].rstrip()
        value = values[match[1]]
        return value[:1].upper() + value[1:] if not before or before.endswith(_SENTENCE_END) else value

    return _PLACEHOLDER.sub(put, pattern)


def placeholders(pattern: str) -> frozenset[str]:
    """Return the names that `pattern` asks for."""
    return frozenset(_PLACEHOLDER.findall(pattern))


def _breaks(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) in {"Cc", "Zl", "Zp", "Zs"}


def _visible(char: str) -> bool:
    return not unicodedata.category(char).startswith("C")


def _is_name(word: str) -> bool:
    core = word.rstrip(".").replace("-", "").replace("'", "").replace("\u2019", "")
    return core[:1].isalpha() and all(unicodedata.category(char)[0] in "LM" for char in core)


def _capitalised(word: str) -> str:
    shouted = word.isupper() and len(word) > 2  # noqa: PLR2004 - JP and Al are initials or short, not shouted
    return word.title() if shouted else word[:1].upper() + word[1:]
