"""What the first text to a number must say besides: who writes, and how to have no more of it."""

import re
from dataclasses import dataclass

# "Reply STOP", "text \"stop\" to 12345": somebody has said it already.
_SAYS_HOW = re.compile(r"\b(?i:reply|text|txt|send|respond|answer)\b[^.!?]{0,20}?(?:\bSTOP\b|[\"'][Ss]top[\"'])")

ROOM = 66
"""Characters that a notice takes at most: a sender's name of 40, the usual opt-out, and what stands between."""


@dataclass(frozen=True, slots=True)
class Notice:
    """The sender's name and the sentence that says how to opt out; without a name only the latter is said."""

    sender: str
    opt_out: str

    def tail(self, text: str) -> str:
        """Return what must be put behind `text`, only what it does not say already."""
        who = "" if not self.sender or self.sender.casefold() in text.casefold() else f" - {self.sender}"
        if self.opt_out.casefold() in text.casefold() or _SAYS_HOW.search(text):
            return who
        closed = text.rstrip().endswith((".", "!", "?")) and not who
        return f"{who}{'' if closed else '.'} {self.opt_out}"

    def without(self, text: str) -> str:
        """Return `text` less the tail that it was given."""
        for end in (f" - {self.sender}. {self.opt_out}", f" {self.opt_out}", f" - {self.sender}"):
            if text.endswith(end):
                return text.removesuffix(end)
        return text
