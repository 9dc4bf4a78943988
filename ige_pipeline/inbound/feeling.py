"""What a reply tells of a contractor's trust, by plain rules; what no rule knows stays unknown. Pure."""

import re
import tomllib
from enum import StrEnum
from importlib.resources import files

from ige_pipeline.inbound.plain_words import clauses
from ige_pipeline.inbound.signature import is_reaction, without_signature


class Indicator(StrEnum):
    """The words of `ai_trust_indicators.indicator_type`."""

    POSITIVE_FEEDBACK = "positive_feedback"
    ACTED_ON_SUGGESTION = "acted_on_suggestion"
    MILESTONE_ACHIEVED = "milestone_achieved"
    SHARED_VULNERABILITY = "shared_vulnerability"
    ASKED_FOR_HELP = "asked_for_help"
    SETBACK_SHARED = "setback_shared"
    NEGATIVE_FEEDBACK = "negative_feedback"
    IGNORED_SUGGESTION = "ignored_suggestion"


IMPACT = {
    Indicator.POSITIVE_FEEDBACK: 5,
    Indicator.ACTED_ON_SUGGESTION: 8,
    Indicator.MILESTONE_ACHIEVED: 10,
    Indicator.SHARED_VULNERABILITY: 7,
    Indicator.ASKED_FOR_HELP: 6,
    Indicator.SETBACK_SHARED: 4,
    Indicator.NEGATIVE_FEEDBACK: -5,
    Indicator.IGNORED_SUGGESTION: -2,
}
"""By how much each moves the trust score, which stays within 0 and 100."""

RATING = {
    Indicator.MILESTONE_ACHIEVED: 5,
    Indicator.ACTED_ON_SUGGESTION: 5,
    Indicator.POSITIVE_FEEDBACK: 4,
    Indicator.ASKED_FOR_HELP: 4,
    Indicator.SHARED_VULNERABILITY: 4,
    Indicator.SETBACK_SHARED: 3,
    Indicator.NEGATIVE_FEEDBACK: 2,
}
"""What a reply makes the message worth, 1 to 5; a complaint or an opt-out makes it 1."""

_WRITTEN = tomllib.loads(files(__package__).joinpath("feeling.toml").read_text(encoding="utf-8"))
_COMPLAINT = re.compile(rf"\b(?:{'|'.join(_WRITTEN['complaint']).replace('<us>', _WRITTEN['us'])})\b")
_RULES = tuple(
    (Indicator(rule["indicator"]), re.compile(rf"\b(?:{'|'.join(rule['words'])})\b")) for rule in _WRITTEN["rule"]
)
_NOT = re.compile(r"\b(?:not|isnt|arent|wasnt|no|never|dont|didnt|doesnt|cant|cannot|wont|nothing|without|hardly)\b")
# Who would appreciate something asks for it, and thanks nobody.
_ASKED = re.compile(r"\b(?:(?:id|would|ill|will) (?:\w+ ){0,2}appreciate|appreciated? (?:it )?if|if (?:you|u|youd))\b")
_LIKED = re.compile(r"^\W*(?:liked|loved|laughed at|emphasi[sz]ed)|^\W*(?:reacted )?[👍❤😍🔥🎉💪]", re.IGNORECASE)
_DISLIKED = re.compile(r"^\W*disliked|^\W*(?:reacted )?[👎😡🤬]", re.IGNORECASE)


def is_complaint(text: str) -> bool:
    """Whether somebody complains of us or of our texts, and not of their work."""
    return not is_reaction(text) and any(_COMPLAINT.search(each) and not _denied(each) for each in clauses(text))


def told(text: str) -> Indicator | None:
    """Say what a reply tells, None where no rule knows, or rules contradict one another."""
    text = without_signature(text)
    if is_complaint(text):
        return Indicator.NEGATIVE_FEEDBACK
    if _DISLIKED.search(text.strip()):
        return Indicator.NEGATIVE_FEEDBACK
    if _LIKED.search(text.strip()):
        return Indicator.POSITIVE_FEEDBACK
    if is_reaction(text):
        return None
    found = [indicator for indicator, rule in _RULES if any(_says(indicator, rule, each) for each in clauses(text))]
    if Indicator.NEGATIVE_FEEDBACK in found and len(found) > 1:
        return None
    return found[0] if found else None


def _says(indicator: Indicator, rule: re.Pattern[str], clause: str) -> bool:
    if rule.search(clause) is None:
        return False
    if indicator is Indicator.POSITIVE_FEEDBACK and _ASKED.search(clause) is not None:
        return False
    denied = {Indicator.POSITIVE_FEEDBACK, Indicator.ACTED_ON_SUGGESTION, Indicator.MILESTONE_ACHIEVED}
    return indicator not in denied or not _denied(clause)


def _denied(clause: str) -> bool:
    """Whether a clause takes its words back: `not helpful` does, `no problem, thanks` does not."""
    return _NOT.search(clause.replace("no problem", "").replace("no worries", "")) is not None
