"""What a reply asks for: to be left alone, to be written to again, help, or nothing but to be heard. Pure."""

import re
from dataclasses import dataclass, replace

from ige_pipeline.inbound.feeling import Indicator, is_complaint, told
from ige_pipeline.inbound.keywords import OptOut
from ige_pipeline.inbound.letter import Letter
from ige_pipeline.inbound.opt_out_source import LIFTED_BY_YES, Source
from ige_pipeline.inbound.opting_out import opting_out
from ige_pipeline.inbound.plain_words import clauses, whole
from ige_pipeline.inbound.reach import as_far_as_read

_IN = frozenset({"start", "unstop"})
# Not enough to lift an opt-out, and enough for a person to ask them.
_IN_WORDS = re.compile(
    r"\b(?:start|restart|resume|(?:re)?subscribe|unstop|opt(?:ing)? (?:me )?(?:back )?in|optin|put me back"
    r"|sign (?:me|us) (?:back )?up|(?:text|message|send|write)\w* (?:\w+ ){0,4}again|begin|continue|go on"
    r"|(?:did|didnt|mistake|accident\w*|oops|sorry|ignore|disregard) (?:\w+ ){0,6}(?:stop|opt(?:ed)? out|unsubscribed?)"
    r"|(?:why|when|how come) (?:\w+ ){0,4}stop(?:ped)?"
    r"|(?:stop|opt(?:ed)? out|unsubscribed?) (?:\w+ ){0,3}(?:accident|mistake)"
    r"|(?:get|want|miss|need|like|have) (?:\w+ ){0,3}(?:texts?|messages?|reminders)|(?:text|message) me)\b"
)
_HELP = frozenset({"help", "info"})
_YES = frozenset({"yes", "si", "yeah", "yep"})


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

    `wants_again`: their number is opted out, and they seem to want texts. `cut`: its middle was not read.
    """

    meaning: Meaning
    indicator: Indicator | None
    complaint: bool
    answered: bool
    wants_again: bool = False
    cut: bool = False


@dataclass(frozen=True)
class Understood:
    """What a reply says by itself, whoever it is from: `out`, that they want no more texts."""

    whole: str
    out: OptOut | None
    indicator: Indicator | None
    complaint: bool
    wants_texts: bool
    opt_out_type: str
    cut: bool


def hear(letter: Letter, *, suppressed_by: Source | None, our_words: str) -> Heard:
    """Read a reply; `suppressed_by` is what holds its number back now, for YES means something only after a keyword."""
    return in_view_of(understand(letter, our_words=our_words), suppressed_by=suppressed_by)


def understand(letter: Letter, *, our_words: str) -> Understood:
    """Do all the reading, which takes time, and asks nothing of the database."""
    text, cut = as_far_as_read(letter.text)
    said = whole(text)
    out = opting_out(text, our_words=our_words)
    return Understood(
        whole=said if letter.named else "",
        # What stands under a name that nobody foresaw may be no text at all.
        out=out if letter.named or out is None else replace(out, doubtful=True),
        indicator=told(text) if letter.named else None,
        complaint=letter.named and is_complaint(text),
        wants_texts=said in _YES or any(map(_IN_WORDS.search, clauses(text))),
        opt_out_type=letter.opt_out_type,
        cut=cut,
    )


def in_view_of(read: Understood, *, suppressed_by: Source | None) -> Heard:
    """Say what a reply means from a number that this holds back."""
    meaning = _meaning(read, suppressed_by)
    indicator = read.indicator if isinstance(meaning, Reply) else None
    return Heard(
        meaning,
        indicator=Indicator.NEGATIVE_FEEDBACK if read.complaint else indicator,
        complaint=read.complaint,
        answered=read.opt_out_type in {"STOP", "START", "HELP"},
        wants_again=suppressed_by is not None and read.wants_texts,
        cut=read.cut,
    )


def _meaning(read: Understood, suppressed_by: Source | None) -> Meaning:
    said = read.whole
    if read.out is not None:
        return read.out
    if read.opt_out_type == "STOP":
        return OptOut("the provider says so", keyword=True)
    if said in _IN or read.opt_out_type == "START":
        return OptIn(f"keyword {said}")
    if said == "yes" and suppressed_by in LIFTED_BY_YES:
        return OptIn("keyword yes")
    if said in _HELP or read.opt_out_type == "HELP":
        return Help(f"keyword {said}")
    return Reply()
