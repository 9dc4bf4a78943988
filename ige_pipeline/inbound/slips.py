"""Slips of the finger: what is nearly a keyword, and sentences in which a word is nearly one of ours. Pure."""

import re
from collections.abc import Mapping, Sequence

from ige_pipeline.inbound.keywords import KEYWORDS, ONLY_WHOLE, OptOut
from ige_pipeline.inbound.phrases import by_doubt, by_phrase
from ige_pipeline.inbound.plain_words import clauses, one_slip, whole
from ige_pipeline.inbound.wording import WORDING, words

_OTHER_LANGUAGES, _OF_THEIR_OWN, _NEARLY, _LONG = (
    words(name) for name in ("other_languages", "words_of_their_own", "nearly", "long_words")
)
_MISSPELLED: Mapping[str, str] = {
    wrong: right for right, all_wrong in WORDING["misspelled"].items() for wrong in all_wrong
}
_FOLLOWED = words("follows_stop")
_UNSUBSCRIBED = re.compile(r"unsub\w{0,7}(?:e|ed|b)|unsub")
_CHAINED = re.compile(r"(?:reply|text|send|txt)?(?:stop|quit|unsubscribe)(?:2|to|two)?(?:end|quit|optout|cancel|stop)")
_COURTESIES = re.compile(r"please|pls|plz|thanks|thankyou|now|svp|silvousplait|porfavor|bitte")
_OF_FOR_OFF = re.compile(r"\b((?:take|get|drop) (?:me|us|my \w+|this \w+)) (?:of|offf|if|odd|f)\b(?! of\b)")
_FORM_FOR_FROM = re.compile(r"\b((?:remove|delete|unsubscribe) (?:me|us|my \w+|this \w+)) (?:form|frm|fom|fro|for)\b")
_FEW_WORDS = 4


def near_keyword(text: str) -> OptOut | None:
    """Return what a whole text is nearly; a word that means something else as well is doubtful."""
    said = _COURTESIES.sub("", whole(text))
    if said in KEYWORDS - ONLY_WHOLE:
        return OptOut("asks_to_stop")
    if said.strip("0123456789") in KEYWORDS - ONLY_WHOLE:
        return OptOut("a keyword and a figure", doubtful=True)
    if _CHAINED.fullmatch(said):
        return OptOut("two keywords", doubtful=True)
    if said in _OTHER_LANGUAGES:
        return OptOut("in_another_language", doubtful=True)
    if not said.isalpha() or said in _OF_THEIR_OWN:
        return None
    if one_slip(said, "stop"):
        return OptOut("nearly stop", doubtful=said in _NEARLY or len(" ".join(clauses(text)).split()) > 1)
    near = [meant for meant in sorted(KEYWORDS - {"stop", "end", "td"}) if _slips(said, meant)]
    return OptOut(f"nearly {near[0]}", doubtful=True) if near else None


def near_phrase(said: Sequence[str]) -> OptOut | None:
    """Return what the clauses of a text ask for once its slips are mended: always doubtful."""
    short = sum(len(clause.split()) for clause in said) <= _FEW_WORDS
    mended = [_mended(clause, short=short) for clause in said]
    if mended == list(said):
        return None
    found = by_phrase(mended) or by_doubt(mended)
    return None if found is None else OptOut(f"nearly {found.rule}", doubtful=True)


def _mended(clause: str, *, short: bool) -> str:
    each = clause.split()
    after = [*each[1:], ""]
    mended = " ".join(_meant(word, follows, short=short) for word, follows in zip(each, after, strict=True))
    return _FORM_FOR_FROM.sub(r"\1 from", _OF_FOR_OFF.sub(r"\1 off", mended))


def _meant(word: str, follows: str, *, short: bool) -> str:
    """Return the word that was meant; one that is nearly `stop` only in few words, or before what is stopped."""
    if word in _MISSPELLED:
        return _MISSPELLED[word]
    if word in _OF_THEIR_OWN or word in _NEARLY or word in _LONG:
        return word
    if one_slip(word, "stop"):
        return "stop" if short or follows in _FOLLOWED else word
    return next((meant for meant in sorted(_LONG) if _slips(word, meant)), word)


def _slips(word: str, meant: str) -> bool:
    return one_slip(word, meant) or (meant == "unsubscribe" and _UNSUBSCRIBED.fullmatch(word) is not None)
