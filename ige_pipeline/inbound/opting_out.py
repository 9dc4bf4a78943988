"""Whether a reply says that somebody wants no more texts, or only has such a word in it. Pure.

When in doubt it says yes, and that it was in doubt: a text too few can be mended, one to somebody who opted out cannot.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from ige_pipeline.inbound.plain_words import clauses, one_slip, plain, whole

KEYWORDS = frozenset(
    {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "remove", "arret", "td"}
)
"""As the whole message, in any case and punctuation; `OPT OUT` and `OPT-OUT` are `optout`."""
_WRITTEN = tomllib.loads(files(__package__).joinpath("opting_out.toml").read_text(encoding="utf-8"))
_ALONE, _OTHER_LANGUAGES, _WORDS_OF_THEIR_OWN, _POLITE, _UNINTERESTED = (
    frozenset(_WRITTEN[name]) for name in ("alone", "other_languages", "words_of_their_own", "polite", "uninterested")
)
_DENIED, _FALSE_FRIENDS = (tuple(map(re.compile, _WRITTEN[name])) for name in ("denied", "false_friends"))
_CERTAIN, _DOUBTFUL = (
    {rule: re.compile(each.replace("<texts>", _WRITTEN["texts"])) for rule, each in _WRITTEN[name].items()}
    for name in ("certain", "doubtful")
)
_UNSUBSCRIBED = re.compile(r"unsub\w{0,7}(?:e|ed|b)|unsub")
# A phone's way of saying that somebody pressed a heart: it quotes our own text, and with it our own STOP.
_REACTION = re.compile(
    r"^\s*(?:(?:liked|loved|disliked|laughed at|emphasi[sz]ed|questioned|removed an? .{1,20} from"
    r"|(?:reacted )?[^\w\s]{1,8} to)\s+(?:an? (?:image|movie|attachment)|[\"“”«„].*[\"“”»]))\s*$",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class OptOut:
    """Somebody wants no more texts. `keyword`: by a word that carriers know; `doubtful`: a person should look."""

    rule: str
    keyword: bool = False
    doubtful: bool = False


def opting_out(text: str, *, our_words: str = "") -> OptOut | None:
    """Say whether a reply asks for no more texts, and by which rule; `our_words` is how our own texts speak of it."""
    if is_reaction(text):
        return None
    said = whole(text)
    if said in KEYWORDS:
        return OptOut(f"keyword {said}", keyword=True)
    left = _without(text, our_words)
    return _by_phrase(left) or _by_near_miss(said) or _by_doubt(left, quoted=left != plain(text))


def is_reaction(text: str) -> bool:
    """Whether a phone wrote it about a heart or a thumb that was put on one of our texts."""
    return _REACTION.match(text) is not None


def _without(text: str, our_words: str) -> str:
    """Take our own sentence out, which somebody may quote."""
    ours = plain(our_words).strip()
    return plain(text).replace(ours, " \n ") if ours else plain(text)


def _by_phrase(text: str) -> OptOut | None:
    for clause in clauses(text):
        meant = _without_any(_DENIED, clause)
        for rule, pattern in _CERTAIN.items():
            if pattern.search(meant):
                return OptOut(rule)
        words = _without_any(_FALSE_FRIENDS, meant).split()
        if {" ".join(words), " ".join(word for word in words if word not in _POLITE)} & _ALONE:
            return OptOut("asks_to_stop")
    return None


def _by_near_miss(said: str) -> OptOut | None:
    short = "".join(re.split(r"please|pls|plz|thanks|thankyou|now", said))
    if short in KEYWORDS - {"cancel", "end", "remove", "td"}:
        return OptOut("asks_to_stop")
    if short in _OTHER_LANGUAGES:
        return OptOut("in_another_language", doubtful=True)
    if one_slip(short, "stop") and short not in _WORDS_OF_THEIR_OWN:
        return OptOut("nearly stop")
    near = [
        meant for meant in ("unsubscribe", "stopall", "optout", "cancel", "revoke", "remove") if _slips(short, meant)
    ]
    return OptOut(f"nearly {near[0]}", doubtful=True) if near else None


def _slips(word: str, meant: str) -> bool:
    return one_slip(word, meant) or (meant == "unsubscribe" and _UNSUBSCRIBED.fullmatch(word) is not None)


def _by_doubt(text: str, *, quoted: bool) -> OptOut | None:
    said = clauses(text)
    if len(said) == 1 and said[0] in _UNINTERESTED:
        return OptOut("not_interested", doubtful=True)
    for clause in said:
        meant = _without_any(_FALSE_FRIENDS, _without_any(_DENIED, clause))
        for rule, pattern in _DOUBTFUL.items():
            if pattern.search(meant):
                return OptOut(rule, doubtful=True)
    if not said and ("🛑" in text or "✋" in text):
        return OptOut("a sign that says stop", doubtful=True)
    return OptOut("only our own words", doubtful=True) if quoted and not said else None


def _without_any(patterns: Sequence[re.Pattern[str]], clause: str) -> str:
    for each in patterns:
        clause = each.sub(" ", clause)
    return clause
