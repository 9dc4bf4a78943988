"""Characters that nobody sees in texts that people wrote elsewhere: line ends, tabs, and joints without a width."""

import re

_EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
INSIDE_EMOJI = re.compile(f"(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])")
"""The joint that makes one emoji of several, as in a family."""

_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_NO_WIDTH = re.compile(f"[\u00ad\u200b\u200c\u2060\ufeff]|(?<![{_EMOJI}\ufe0f])\u200d|\u200d(?![{_EMOJI}])")


def tidied(text: str) -> str:
    """Return `text` with plain line ends and spaces, without characters of no width but those that join emoji."""
    return _NO_WIDTH.sub("", _LINE_END.sub("\n", text).replace("\t", " "))
