"""Phone numbers in what people write: found, and cut to their last four digits."""

import re
from typing import Any

# A time is no phone number, however many digits it has, nor is the number of a row as we name it, short or in brackets;
# seven digits behind `message` may be what somebody wrote of a phone without its area code.
_KEPT = (
    r"(?<!\d)(?:19|20)\d\d-[01]\d-[0-3]\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?![\d-])"
    r"|#\d{1,6}\b(?![\s().-]{0,2}\d)|\((?:draft|decision) \d{1,9}\)"
)
# Whatever people put between the digits of a number: spaces of all kinds, brackets, dots, slashes, dashes.
_BETWEEN = r"[\s()\[\]./_~*|\u00ad\u00b7\u2010-\u2015\u2022\u200b-\u200f\u2060\u2212\ufeff\ufe58\ufe63\uff0d+-]"
_NUMBER = re.compile(rf"({_KEPT})|[+(\[]{{0,3}}\d(?:{_BETWEEN}{{0,6}}\d){{6,}}")


def masked(text: Any, *, shown: bool) -> str:
    """Return a text in which every phone number is cut to its last four digits, unless it may be `shown`."""
    written = "" if text is None else str(text)
    return written if shown else _NUMBER.sub(_ending, written)


def _ending(found: re.Match[str]) -> str:
    return found[1] or f"…{''.join(char for char in found[0] if char.isdecimal())[-4:]}"


def has_number(text: str) -> bool:
    """Whether a text holds what looks like a phone number."""
    return masked(text, shown=False) != text
