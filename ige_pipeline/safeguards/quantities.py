"""What the numbers of a text count: 30 days are not $30, and what somebody else said is no price of ours."""

import re
from collections.abc import Iterator, Sequence

from ige_pipeline.safeguards.figures import DIGITS, SPELLED, in_digits, in_words

_UNITS = {
    "money": r"dollars?|bucks|cents?|euros?|pounds|usd|eur|gbp|\u20ac|\u00a3",
    "share": r"%|percent|per\scent|pct",
    "minutes": r"mins?|minutes?|seconds?",
    "hours": r"hours?|hrs?",
    "days": r"days?",
    "weeks": r"weeks?",
    "months": r"months?",
    "years": r"years?",
}
_OF_MONEY = frozenset({"money", "share"})
_NO_UNIT = ""
_LAST_DAY = 31
_MEASURED = re.compile(
    r"(?P<sign>[$\u20ac\u00a3]\s?|\b(?:usd|eur|gbp)\s?)?"
    rf"(?P<said>(?:{DIGITS})(?:[km]\b)?|{SPELLED})"
    rf"(?:[\s-]*(?:{'|'.join(f'(?P<{unit}>{words})' for unit, words in _UNITS.items())})(?!\w))?",
    re.IGNORECASE,
)
# "One day", "in five minutes": ways of speaking, not terms.
_IDIOMS = {("1", unit) for unit in _UNITS if unit not in _OF_MONEY} | {(str(few), "minutes") for few in range(20)}
# Letters with at least two digits behind them, such as a code to claim something with.
_CODE = re.compile(r"\b[a-z]{2,}[-_]?\d{2,}\w*", re.IGNORECASE)
_ORDINALS = """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
    sixteenth seventeenth eighteenth nineteenth twentieth
"""
_DAYS = {word: str(day) for day, word in enumerate(_ORDINALS.split(), start=1)}
_DAYS |= {f"twenty-{word}": str(20 + day) for day, word in enumerate(_ORDINALS.split()[:9], start=1)}
_DAYS |= {"thirtieth": "30", "thirty-first": "31"}
# "On the second try" is no date, "on the second." is one.
_DAY = re.compile(
    rf"\b(?:on|by|before|until|till|from|since|after)\sthe\s({'|'.join(_DAYS)})(?=\s*(?:[.,;?!]|$|or\b|at\b))"
    rf"|\bthe\s({'|'.join(_DAYS)})\sof\s(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b",
    re.IGNORECASE,
)


def untraced_quantities(text: str, facts: Sequence[str], hearsay: Sequence[str] = ()) -> int:
    """Count what is measured otherwise than a fact measures it: amounts, shares, spans of time, days of a month, codes.

    From `hearsay`, what somebody answered or is called, no amount, share or code may be taken.
    """
    stated, heard = _all(facts), _all(hearsay)
    borrowed = {number for number, unit in heard if unit in _OF_MONEY} - {number for number, _ in stated}
    measured = {each for each in _measured(text) if not _is_known(each, stated, heard, borrowed)}
    days = _days(text).difference(*(_days(each) | in_digits(each) | in_words(each) for each in (*facts, *hearsay)))
    return len(measured) + len(days) + len(_codes(text).difference(*map(_codes, facts)))


def _is_known(
    said: tuple[str, str],
    stated: frozenset[tuple[str, str]],
    heard: frozenset[tuple[str, str]],
    borrowed: set[str],
) -> bool:
    number, unit = said
    if unit == _NO_UNIT:
        return number not in borrowed
    known = stated if unit in _OF_MONEY else stated | heard
    # A day of the month is no amount: "12" may be one.
    countable = unit not in _OF_MONEY or float(number) > _LAST_DAY
    return said in known or (countable and (number, _NO_UNIT) in known)


def _all(sources: Sequence[str]) -> frozenset[tuple[str, str]]:
    return frozenset[tuple[str, str]]().union(*(_quantities(each, idioms=frozenset()) for each in sources))


def _measured(text: str) -> frozenset[tuple[str, str]]:
    return _quantities(text, idioms=frozenset(_IDIOMS))


def _quantities(text: str, *, idioms: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    return frozenset(each for each in _found(text) if each not in idioms)


def _found(text: str) -> Iterator[tuple[str, str]]:
    for found in _MEASURED.finditer(text):
        unit = "money" if found["sign"] else next((each for each in _UNITS if found[each]), _NO_UNIT)
        for number in in_digits(found["said"]) | in_words(found["said"]):
            yield number, unit


def _days(text: str) -> set[str]:
    return {_DAYS[(found[1] or found[2]).casefold()] for found in _DAY.finditer(text)}


def _codes(text: str) -> set[str]:
    return {code.casefold() for code in _CODE.findall(text)}
