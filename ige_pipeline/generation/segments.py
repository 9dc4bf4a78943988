"""How many SMS a text takes, counted by making the split that a phone network makes (3GPP TS 23.038 and 23.040)."""

import re
from collections.abc import Callable

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_SEPTETS_ALONE, _SEPTETS_EACH = 160, 153
_UNITS_ALONE, _UNITS_EACH = 70, 67
_BEYOND_ONE_UNIT = 0xFFFF

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc`\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
        **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f", " "),
        "\u2022": "-",
        "\u2026": "...",
    }
)
_LONG_DASH = re.compile(r" *[\u2014\u2015] *")


def downgrade(text: str) -> str:
    """Return `text` with plain quotes, dashes, ellipses and spaces: one typographic quote would halve a segment."""
    return _LONG_DASH.sub(" - ", text.translate(_PLAIN))


def is_gsm7(text: str) -> bool:
    """Whether every character is of the GSM 7-bit alphabet or its extension table."""
    return all(char in _BASIC or char in _EXTENDED for char in text)


def count(text: str) -> int:
    """Return the number of segments; 0 for an empty text."""
    return len(split(text))


def split(text: str) -> tuple[str, ...]:
    """Return the segments in order; an escape pair and a surrogate pair are never parted."""
    if is_gsm7(text):
        return _split(text, septets, alone=_SEPTETS_ALONE, each=_SEPTETS_EACH)
    return _split(text, utf16_units, alone=_UNITS_ALONE, each=_UNITS_EACH)


def septets(char: str) -> int:
    """Return the septets of one GSM character: an extended one is an escape and a second septet."""
    return 2 if char in _EXTENDED else 1


def utf16_units(char: str) -> int:
    """Return the UTF-16 code units of one character: 2 for a surrogate pair."""
    return 2 if ord(char) > _BEYOND_ONE_UNIT else 1


def _split(text: str, size: Callable[[str], int], *, alone: int, each: int) -> tuple[str, ...]:
    sizes = [size(char) for char in text]
    if sum(sizes) <= alone:
        return (text,) if text else ()
    parts, start, filled = [], 0, 0
    for place, needed in enumerate(sizes):
        if filled + needed > each:
            parts.append(text[start:place])
            start, filled = place, 0
        filled += needed
    return (*parts, text[start:])
