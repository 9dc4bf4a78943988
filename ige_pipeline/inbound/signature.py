"""What a phone, and not a person, writes: a signature below a text, a heart that was put on one of ours. Pure."""

import re

from ige_pipeline.inbound.wording import WORDING

_SIGNED = re.compile("|".join(WORDING["signatures"]), re.IGNORECASE)
# A phone's way of saying that somebody pressed a heart: it quotes our own text, and with it our own STOP.
_REACTION = re.compile(
    r"^\s*(?:(?:liked|loved|disliked|laughed at|emphasi[sz]ed|questioned|removed an? .{1,20} from"
    r"|(?:reacted )?[^\w\s]{1,8} to)\s+(?:an? (?:image|movie|attachment)|[\"“”«„].*[\"“”»]))\s*$",
    re.IGNORECASE | re.DOTALL,
)


def without_signature(text: str) -> str:
    """Return a text without what a phone writes below it, and without all that stands below a line of two dashes.

    Line by line: one expression over a text of nothing but ends of lines takes seconds.
    """
    kept = []
    for line in text.split("\n"):
        if line.strip() == "--":
            break
        if _SIGNED.fullmatch(line.strip()) is None:
            kept.append(line)
    return "\n".join(kept)


def is_reaction(text: str) -> bool:
    """Whether a phone wrote it about a heart or a thumb that was put on one of our texts."""
    return _REACTION.match(text) is not None
