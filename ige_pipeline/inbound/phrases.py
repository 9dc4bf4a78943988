"""Sentences that say it: certain only where nothing stands beside them that could make them mean something else. Pure.

`tell Joe to stop texting me` holds `stop texting me`, and so does `why did you stop texting me`: whatever is neither a
courtesy nor about our texts makes a rule doubtful.
"""

import re
from collections.abc import Collection, Sequence

from ige_pipeline.inbound.keywords import OptOut
from ige_pipeline.inbound.wording import WORDING, each_pattern, left_over, patterns, without, words

_ALONE, _POLITE, _UNINTERESTED, _COURTEOUS = (words(name) for name in ("alone", "polite", "uninterested", "courteous"))
_BESIDE = (_POLITE | words("beside")) - {"today"}
_DENIED, _FALSE_FRIENDS = each_pattern("denied"), each_pattern("false_friends")
_OUR_TEXTS, _ANOTHER_WAY, _CALLS, _TEXTS, _OF_THEMSELVES = (
    re.compile(WORDING[name]) for name in ("our_texts", "another_way", "calls", "by_text", "of_themselves")
)
_CERTAIN, _DOUBTFUL = patterns("certain"), patterns("doubtful")
_REQUEST = re.compile(r"(?:\w+ ){0,2}(?:can|could|would|will|please)\b")
_NOT_SHORT = 2


def by_phrase(said: Sequence[str], *, questions: Collection[str] = ()) -> OptOut | None:
    """Return what the clauses of a text ask for; of several that ask, one that is certain. `questions`: clauses, too.

    Who asks whether we can stop asks us to; whatever else is asked may be about what was.
    """
    unsure = any(_ANOTHER_WAY.search(clause) for clause in said)
    found = [
        _asked(without(_DENIED, clause), unsure=unsure or (clause in questions and not _REQUEST.match(clause)))
        for clause in said
    ]
    asked = [each for each in found if each is not None]
    return next((each for each in asked if not each.doubtful), asked[0] if asked else None)


def by_doubt(said: Sequence[str]) -> OptOut | None:
    """Return what may ask for it, or is as good as that."""
    if _without_courtesy(said) in _UNINTERESTED or (len(said) == 1 and said[0] in _UNINTERESTED):
        return OptOut("not_interested", doubtful=True)
    for clause in said:
        meant = _without_false_friends(without(_DENIED, clause))
        for rule, each in _DOUBTFUL.items():
            if each.search(meant):
                return OptOut(rule, doubtful=True)
    return None


def _asked(meant: str, *, unsure: bool) -> OptOut | None:
    for rule, each in _CERTAIN.items():
        if (found := each.search(meant)) is not None:
            beside = left_over(f"{meant[: found.start()]} {meant[found.end() :]}", _BESIDE)
            doubtful = unsure or bool(beside) or _only_calls(found[0]) or _OF_THEMSELVES.search(meant) is not None
            return OptOut(rule, doubtful=doubtful)
    return _alone(meant, unsure=unsure)


def _alone(meant: str, *, unsure: bool) -> OptOut | None:
    said = _without_false_friends(meant).split()
    if {" ".join(said), " ".join(left_over(" ".join(said), _POLITE))} & _ALONE:
        # `No stop` may be a day without a break.
        unsure = unsure or _OF_THEMSELVES.search(meant) is not None or (said[0] == "no" and len(said) == _NOT_SHORT)
        return OptOut("asks_to_stop", doubtful=unsure)
    return None


def _only_calls(said: str) -> bool:
    """Whether what somebody does not want is calls or mail: they may want texts instead."""
    return _CALLS.search(said) is not None and _TEXTS.search(said) is None


def _without_courtesy(said: Sequence[str]) -> str:
    """Return the words that are left without thanks and please, and without a no before them."""
    each = [word for clause in said for word in left_over(clause, _COURTEOUS)]
    return " ".join(each[1:] if each[:1] == ["no"] and len(each) > _NOT_SHORT else each)


def _without_false_friends(clause: str) -> str:
    """Leave out what means something else, unless the clause speaks of texts as well."""
    return clause if _OUR_TEXTS.search(clause) else without(_FALSE_FRIENDS, clause)
