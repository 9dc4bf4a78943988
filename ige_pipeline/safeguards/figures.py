"""Numbers in a text, in digits or in words, each in one form: 1,500 and 1.5k and "fifteen hundred" are all "1500"."""

import re
from collections.abc import Sequence

_ONES = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(_ONES.split())}
_SMALL |= {word: value for value, word in zip(range(20, 100, 10), _TENS.split(), strict=True)}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_LEAST_TRACED_WORD = 20  # "one step" and "two minutes" are ways of speaking, not figures
_ZEROS = {"k": 3, "m": 6}

DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_DIGITS = re.compile(DIGITS)
_SUFFIX = re.compile(r"([km])\b", re.IGNORECASE)
_WORD = "|".join((*_SMALL, *_SCALES))
SPELLED = rf"\b(?:{_WORD})(?:(?:\s+|-|\s+and\s+)(?:{_WORD}))*\b"
_RUN = re.compile(SPELLED, re.IGNORECASE)


def untraced_numbers(text: str, facts: Sequence[str]) -> int:
    """Count the numbers of `text` that no fact holds, whether in digits or in words."""
    known = frozenset[str]().union(*(in_digits(fact) | in_words(fact) for fact in facts))
    return len((in_digits(text) | in_words(text, least=_LEAST_TRACED_WORD)) - known)


def in_digits(text: str) -> frozenset[str]:
    """Return every number that is written in digits; a character that is a number, such as a fraction, is itself."""
    single = {char for char in text if char.isnumeric() and not char.isdecimal() and not char.isalpha()}
    return frozenset(_as_one_form(found.group(), text[found.end() :]) for found in _DIGITS.finditer(text)) | single


def in_words(text: str, *, least: int = 0) -> frozenset[str]:
    """Return every number that is written in English words, from `least` up."""
    values = (_value(found.group()) for found in _RUN.finditer(text))
    return frozenset(str(value) for value in values if value >= least)


def _value(run: str) -> int:
    total = current = 0
    for word in re.findall(r"[a-z]+", run.casefold()):
        if word in _SMALL:
            current += _SMALL[word]
        elif word == "hundred":
            current = max(current, 1) * _SCALES[word]
        elif word in _SCALES:
            total, current = total + max(current, 1) * _SCALES[word], 0
    return total + current


def _as_one_form(number: str, following: str) -> str:
    whole, _, fraction = number.replace(",", "").partition(".")
    suffix = _SUFFIX.match(following)
    if suffix:
        zeros = _ZEROS[suffix[1].lower()]
        whole, fraction = whole + fraction[:zeros].ljust(zeros, "0"), fraction[zeros:]
    whole, fraction = _plain_digits(whole).lstrip("0") or "0", _plain_digits(fraction).rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def _plain_digits(digits: str) -> str:
    return "".join(str(int(digit)) for digit in digits)
