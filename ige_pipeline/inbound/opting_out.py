"""Whether a reply says that somebody wants no more texts, or only has such a word in it. Pure.

When in doubt it says yes, and that it was in doubt: a text too few can be mended, one to somebody who opted out cannot.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from ige_pipeline.inbound.plain_words import clauses, in_any_alphabet, one_slip, plain, spelled_out, whole

KEYWORDS = frozenset(
    {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "remove", "arret", "td"}
)
"""As the whole message, in any case and punctuation; `OPT OUT` and `OPT-OUT` are `optout`."""
_WRITTEN = tomllib.loads(files(__package__).joinpath("opting_out.toml").read_text(encoding="utf-8"))
_ONLY_WHOLE = frozenset({"cancel", "end", "remove", "td"})
_ALONE, _OTHER_LANGUAGES, _OTHER_ALPHABETS, _WORDS_OF_THEIR_OWN, _POLITE, _COURTEOUS, _UNINTERESTED, _SIGNS = (
    frozenset(_WRITTEN[name])
    for name in (
        *("alone", "other_languages", "other_alphabets", "words_of_their_own", "polite", "courteous", "uninterested"),
        "signs",
    )
)
_SIGNATURE = re.compile(rf"^\s*(?:--\s*$[\s\S]*|(?:{'|'.join(_WRITTEN['signatures'])})$)", re.IGNORECASE | re.MULTILINE)
# One to three words with a capital each, as people sign.
_NAME = re.compile(r"(?:[^\W\d_a-z][\w.'\u2019&-]*\W*){1,3}")
_PART = re.compile(r"\s*(?:[\n\r,;]|\s[\u2013\u2014~-]|-)\s*")
_OUR_TEXTS, _ANOTHER_WAY, _OF_OTHERS, _OF_THEMSELVES = (
    re.compile(_WRITTEN[name]) for name in ("our_texts", "another_way", "of_others", "of_themselves")
)
_DENIED, _FALSE_FRIENDS = (tuple(map(re.compile, _WRITTEN[name])) for name in ("denied", "false_friends"))
_CERTAIN, _DOUBTFUL = (
    {rule: re.compile(each.replace("<texts>", _WRITTEN["texts"])) for rule, each in _WRITTEN[name].items()}
    for name in ("certain", "doubtful")
)
_AGAIN_AND_AGAIN = re.compile(rf"({'|'.join(sorted(KEYWORDS))})\1+")
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
    unsigned = without_signature(text)
    if (word := _keyword(unsigned)) is not None:
        return OptOut(f"keyword {word}", keyword=True)
    return _in_words(text, our_words) or (_in_words(unsigned, our_words) if unsigned != text else None)


def without_signature(text: str) -> str:
    """Return a text without what a phone writes below it."""
    return _SIGNATURE.sub("", text)


def _keyword(text: str) -> str | None:
    """Return the keyword that a whole text is, also with a digit for a letter, but not with a figure: `5 to p`."""
    said, words = whole(text), " ".join(clauses(text)).split()
    if said in KEYWORDS:
        return said
    if (again := _AGAIN_AND_AGAIN.fullmatch(said)) is not None:
        return again[1]
    figures = any(word.isdecimal() for word in words) and any(len(word) > 1 for word in words)
    return spelled_out(said) if not figures and spelled_out(said) in KEYWORDS - {"end", "td"} else None


def _in_words(text: str, our_words: str) -> OptOut | None:
    left = _without(text, our_words)
    return _by_phrase(left) or _by_near_miss(whole(text)) or _by_signed(text) or _by_doubt(text, left)


def is_reaction(text: str) -> bool:
    """Whether a phone wrote it about a heart or a thumb that was put on one of our texts."""
    return _REACTION.match(text) is not None


def _without(text: str, our_words: str) -> str:
    """Take our own sentence out, which somebody may quote."""
    ours = plain(our_words).strip()
    return plain(text).replace(ours, " \n ") if ours else plain(text)


def _by_phrase(text: str) -> OptOut | None:
    said = clauses(text)
    elsewhere = any(_ANOTHER_WAY.search(clause) for clause in said)
    for clause in said:
        meant = _without_any(_DENIED, clause)
        for rule, pattern in _CERTAIN.items():
            if pattern.search(meant):
                return OptOut(rule, doubtful=elsewhere or _OF_OTHERS.search(meant) is not None)
        words = _without_false_friends(meant).split()
        if {" ".join(words), " ".join(word for word in words if word not in _POLITE)} & _ALONE:
            return OptOut("asks_to_stop", doubtful=_OF_THEMSELVES.search(meant) is not None)
    return None


def _by_near_miss(said: str) -> OptOut | None:
    short = "".join(re.split(r"please|pls|plz|thanks|thankyou|now|svp|silvousplait|porfavor|bitte", said))
    if short in KEYWORDS - _ONLY_WHOLE:
        return OptOut("asks_to_stop")
    if short.strip("0123456789") in KEYWORDS - _ONLY_WHOLE:
        return OptOut("a keyword and a figure", doubtful=True)
    if short in _OTHER_LANGUAGES:
        return OptOut("in_another_language", doubtful=True)
    if not short.isalpha() or short in _WORDS_OF_THEIR_OWN:
        return None
    if one_slip(short, "stop"):
        return OptOut("nearly stop")
    near = [meant for meant in sorted(KEYWORDS - {"stop", "end", "td"}) if _slips(short, meant)]
    return OptOut(f"nearly {near[0]}", doubtful=True) if near else None


def _slips(word: str, meant: str) -> bool:
    return one_slip(word, meant) or (meant == "unsubscribe" and _UNSUBSCRIBED.fullmatch(word) is not None)


def _by_signed(text: str) -> OptOut | None:
    """Hear what counts only as the whole message where but a courtesy, or somebody's name, stands beside it."""
    word, *rest = _PART.split(text.strip(), maxsplit=1)
    if whole(word) in KEYWORDS and rest and _NAME.fullmatch(rest[0]):
        return OptOut(f"keyword {whole(word)}, and a name", keyword=True, doubtful=True)
    words = [each for clause in clauses(text) for each in clause.split() if each not in _COURTEOUS]
    return OptOut(f"asks to {words[0]}", doubtful=True) if len(words) == 1 and words[0] in _ONLY_WHOLE else None


def _by_doubt(text: str, left: str) -> OptOut | None:
    said = clauses(left)
    if _without_courtesy(said) in _UNINTERESTED or (len(said) == 1 and said[0] in _UNINTERESTED):
        return OptOut("not_interested", doubtful=True)
    for clause in said:
        meant = _without_false_friends(_without_any(_DENIED, clause))
        for rule, pattern in _DOUBTFUL.items():
            if pattern.search(meant):
                return OptOut(rule, doubtful=True)
    if in_any_alphabet(text) in _OTHER_ALPHABETS:
        return OptOut("in_another_language", doubtful=True)
    if not said and _SIGNS & set(text):
        return OptOut("a sign that says stop", doubtful=True)
    return OptOut("only our own words", doubtful=True) if left != plain(text) and not said else None


def _without_courtesy(said: Sequence[str]) -> str:
    """Return the words that are left without thanks and please, and without a no before them."""
    words = [word for clause in said for word in clause.split() if word not in _COURTEOUS]
    return " ".join(words[1:] if words[:1] == ["no"] and len(words) > 2 else words)  # noqa: PLR2004 - `no more` is two


def _without_false_friends(clause: str) -> str:
    """Leave out what means something else, unless the clause speaks of texts as well."""
    return clause if _OUR_TEXTS.search(clause) else _without_any(_FALSE_FRIENDS, clause)


def _without_any(patterns: Sequence[re.Pattern[str]], clause: str) -> str:
    for each in patterns:
        clause = each.sub(" ", clause)
    return clause
