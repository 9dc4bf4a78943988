"""What the first text to a number must say besides: who writes, and how to have no more of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ige_pipeline.generation.segments import downgrade
from ige_pipeline.generation.untrusted import phrase

# Where a sentence or a clause may begin: "did you send the STOP signs?" tells nobody how to opt out.
_OPENS = r"(?:^|[.,:;!?\n(\"'-])\s*"
# "Reply STOP", "Text \"stop\" to end": somebody has said it already.
_SAYS_HOW = re.compile(
    _OPENS + r"(?i:(?:please )?(?:reply|text|txt|send|respond|answer)(?: back)?(?: with)?)"
    r" (?:STOP|([\"'])[Ss](?:top|TOP)\1)"
    r"(?=\s*(?:$|[.,;!?\n)])| (?i:to|if|and|for) (?i:opt|end|cancel|unsubscribe|stop|quit|you|no|get)\b)"
)

ROOM = 66
"""Characters that a notice takes at most: a sender's name of 40, the usual opt-out, and what stands between."""


@dataclass(frozen=True, slots=True)
class Notice:
    """The sender's name and the sentence that says how to opt out; without a name only the latter is said."""

    sender: str
    opt_out: str

    def __post_init__(self) -> None:
        """Keep both as they will be sent, so that they are found again in a text that was."""
        object.__setattr__(self, "sender", " ".join(downgrade(self.sender).split()))
        object.__setattr__(self, "opt_out", " ".join(downgrade(self.opt_out).split()))

    def tail(self, text: str, given: Sequence[str] = ()) -> str:
        """Return what must be put behind `text`, only what it does not say already; `given` are the reader's facts."""
        who = "" if self._says_who(text, given) else f" - {self.sender}"
        if self.says_how(text, given):
            return who
        closed = text.rstrip().endswith((".", "!", "?")) and not who
        return f"{who}{'' if closed else '.'} {self.opt_out}"

    def says_how(self, text: str, given: Sequence[str] = ()) -> bool:
        """Whether `text` tells its reader how to opt out; what it repeats of the reader's own facts tells nothing."""
        ours = re.compile(_OPENS + re.escape(self.opt_out) + r"(?!\w)", re.IGNORECASE)
        return any(said.search(_beyond(given, text, said)) for said in (ours, _SAYS_HOW))

    def without(self, text: str) -> str:
        """Return `text` less the tail that it was given."""
        for end in (f" - {self.sender}. {self.opt_out}", f" {self.opt_out}", f" - {self.sender}"):
            if text.endswith(end):
                return text.removesuffix(end)
        return text

    def _says_who(self, text: str, given: Sequence[str]) -> bool:
        name = re.compile(rf"(?<!\w){re.escape(self.sender)}(?!\w)", re.IGNORECASE)
        return not self.sender or bool(name.search(_beyond(given, text, name)))


def _beyond(given: Sequence[str], text: str, said: re.Pattern[str]) -> str:
    """Return `text` less every fact that would itself say it: "Acme Roofing" does not name the sender Acme."""
    for fact in sorted(filter(None, map(phrase, given)), key=len, reverse=True):
        if said.search(fact):
            text = re.sub(re.escape(downgrade(fact)), " ", text, flags=re.IGNORECASE)
    return text
