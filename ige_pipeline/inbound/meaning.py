"""What a reply asks for: to be left alone, to be written to again, help, or nothing but to be heard. Pure."""

import re
from dataclasses import dataclass, replace

from ige_pipeline.inbound.feeling import Indicator, is_complaint, told
from ige_pipeline.inbound.letter import Letter
from ige_pipeline.inbound.opt_out_source import LIFTED_BY_YES, Source
from ige_pipeline.inbound.opting_out import OptOut, opting_out
from ige_pipeline.inbound.plain_words import clauses, whole

_IN = frozenset({"start", "unstop"})
# Not enough to lift an opt-out, and enough for a person to ask them.
_IN_WORDS = re.compile(
    r"\b(?:start|restart|resume|(?:re)?subscribe|unstop|opt(?:ing)? (?:me )?(?:back )?in|optin|put me back"
    r"|sign (?:me|us) (?:back )?up|(?:text|message|send|write)\w* (?:\w+ ){0,4}again)\b"
)
_HELP = frozenset({"help", "info"})
_READ = 2_000


@dataclass(frozen=True)
class OptIn:
    """They want texts again."""

    rule: str


@dataclass(frozen=True)
class Help:
    """They ask what this is."""

    rule: str


@dataclass(frozen=True)
class Reply:
    """They answer."""

    rule: str | None = None


Meaning = OptOut | OptIn | Help | Reply


@dataclass(frozen=True)
class Heard:
    """What a reply asks for and tells, whether it complains of us, and whether the provider answered it already.

    `wants_again`: their number is opted out, and they seem to want texts.
    """

    meaning: Meaning
    indicator: Indicator | None
    complaint: bool
    answered: bool
    wants_again: bool = False


def hear(letter: Letter, *, suppressed_by: Source | None, our_words: str) -> Heard:
    """Read a reply; `suppressed_by` is what holds its number back now, for YES means something only after a keyword."""
    letter = replace(letter, text=_as_far_as_read(letter.text))
    complaint = is_complaint(letter.text)
    meaning = _meaning(letter, suppressed_by, our_words)
    indicator = told(letter.text) if isinstance(meaning, Reply) else None
    return Heard(
        meaning,
        indicator=Indicator.NEGATIVE_FEEDBACK if complaint else indicator,
        complaint=complaint,
        answered=letter.opt_out_type in {"STOP", "START", "HELP"},
        wants_again=suppressed_by is not None and any(map(_IN_WORDS.search, clauses(letter.text))),
    )


def _as_far_as_read(text: str) -> str:
    """Leave out the middle of what no phone ever wrote: 64 kB would take a second to read. It is kept whole."""
    return text if len(text) <= 2 * _READ else f"{text[:_READ]}\n{text[-_READ:]}"


def _meaning(letter: Letter, suppressed_by: Source | None, our_words: str) -> Meaning:
    said = whole(letter.text)
    out = opting_out(letter.text, our_words=our_words)
    if out is not None:
        return out
    if letter.opt_out_type == "STOP":
        return OptOut("the provider says so", keyword=True)
    if said in _IN or letter.opt_out_type == "START":
        return OptIn(f"keyword {said}")
    if said == "yes" and suppressed_by in LIFTED_BY_YES:
        return OptIn("keyword yes")
    if said in _HELP or letter.opt_out_type == "HELP":
        return Help(f"keyword {said}")
    return Reply()
