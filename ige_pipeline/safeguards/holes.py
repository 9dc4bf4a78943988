"""Places in a text that something should have filled: placeholders, fields' names, and greetings of nobody."""

import re
from collections.abc import Sequence

_WHOSE = r"(?:first|last|full|event|company|contractor|customer|client|supplier)"
_FIELD = rf"(?i:(?:insert |your )?(?:{_WHOSE}[ _]?)?name|company|event)"
_GREETS = r"(?i:\b(?:hi|hello|hey|dear))"

# What can be nothing else, whoever wrote it.
_LEFT = re.compile(
    r"\{[^{}]*\}|%\w+%|\*\|\w+\|\*|__[A-Za-z]\w*__|(?<!\d)%[sd]\b|[:@#](?i:name)\b|\b[FL]NAME\b|\buser(?:_n|N)ame\b"
    rf"|(?i:\b{_WHOSE}(?:_name|name)\b)"
    rf"|(?:[\[(<]|&lt;)\s*{_FIELD}\s*(?:[\])>]|&gt;)"
    rf"|{_GREETS} (?:(?:(?i:{_WHOSE}) )?(?i:name)|(?i:null|undefined|none|nan))\b"
    rf"|{_GREETS}\s+(?:[,.;!?]|_+)"
)
# What a person may mean, and what nobody but a person should write.
_SUSPECTED = re.compile(
    r"[{}]|\[[^\[\]]*\]|<[^<>]*>|\$[A-Za-z_]\w*|_{2,}|\b(?:null|undefined|NaN|TBD|TODO|XX+|xxx+)\b|\bNone\b(?! of)"
    r"|lorem ipsum|(?i:\b(?:your|insert) name\b)|\b(?i:username)\b|\((?i:(?:\w+ ){0,2}name)\)"
    r"|&(?:[A-Za-z]{2,8}|#x?[0-9A-Fa-f]{1,6});|\*\*|^#{1,6} |^ *\* |\]\(",
    re.MULTILINE,
)
_SNAKE = re.compile(r"\b[A-Za-z]+(?:_[A-Za-z]+)+\b")


def left(text: str) -> int:
    """Count what can only be a hole: enough to refuse words that a person wrote."""
    return len(_LEFT.findall(text))


def suspected(text: str) -> int:
    """Count what looks like a hole: enough to refuse what nobody wrote by hand."""
    return left(text) + len(_SUSPECTED.findall(text))


def fields(text: str, known: Sequence[str]) -> int:
    """Count words that look like a field's name and stand in no fact that was given."""
    given = {word for fact in known for word in _SNAKE.findall(fact)}
    return sum(word not in given for word in _SNAKE.findall(text))
