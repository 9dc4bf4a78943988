"""A text as words that can be compared, whatever its case, punctuation, spacing, accents and look-alikes. Pure."""

import re
import tomllib
import unicodedata
from importlib.resources import files

_LOOK_ALIKES = tomllib.loads(files(__package__).joinpath("look_alikes.toml").read_text(encoding="utf-8"))
_ALIKE = str.maketrans({alike: letter for letter, all_alike in _LOOK_ALIKES.items() for alike in all_alike})
_DIGITS = str.maketrans("0135", "oies")
_APOSTROPHES = re.compile(r"['\u2019\u2018`\u00b4\u02bc]")
# The marks of other scripts, and dashes, end a clause, too.
_ENDS = re.compile(r"[.!?;:,\n\r|\u2026\u3002\uff01\uff1f\u3001\u2013\u2014]+|\s-+\s")
_NO_WORD = re.compile(r"[^a-z0-9 ]+")
# `Don t` is what is left of `don't` where somebody has no apostrophe.
_TORN = re.compile(r"\b(don|didn|doesn|won|can|isn|wasn|wouldn|couldn|shouldn|aren|haven) t\b|\b(do) nt\b")
_LONG_RUN = re.compile(r"([a-z])\1{2,}")


def plain(text: str) -> str:
    """Return a text in small plain letters; marks and what cannot be seen are gone, ends of clauses stay."""
    spread = unicodedata.normalize("NFKD", text).casefold().translate(_ALIKE)
    # Casefolding may bring in marks again, as for a capital I with a dot.
    kept = (char for char in unicodedata.normalize("NFKD", spread) if unicodedata.category(char) not in {"Mn", "Cf"})
    return _APOSTROPHES.sub("", "".join(kept))


def clauses(text: str) -> list[str]:
    """Return a text's clauses, each as plain words with one blank between."""
    split = (" ".join(_NO_WORD.sub(" ", each).split()) for each in _ENDS.split(plain(text)))
    return [_TORN.sub(lambda torn: f"{torn[1]}t" if torn[1] else "dont", each) for each in split if each]


def whole(text: str) -> str:
    """Return a text's letters and digits in one piece: `S.T.O.P!`, `s t o p` and `stoppppp` are all `stop`."""
    return _LONG_RUN.sub(r"\1", re.sub(r"[^a-z0-9]", "", plain(text)))


def spelled_out(word: str) -> str:
    """Read digits as the letters that they look like: `st0p` is `stop`, and `5 to 9` is nothing that anybody means."""
    return word if word.isdecimal() else _LONG_RUN.sub(r"\1", word.translate(_DIGITS))


def in_any_alphabet(text: str) -> str:
    """Return the letters of a text in one piece, of whatever alphabet."""
    return "".join(
        char for char in unicodedata.normalize("NFKC", text).casefold() if unicodedata.category(char)[0] in "LM"
    )


def one_slip(word: str, meant: str) -> bool:
    """Whether one letter is missing, added or changed, or two neighbours are exchanged (Damerau-Levenshtein 1)."""
    if word == meant or abs(len(word) - len(meant)) > 1:
        return False
    if len(word) == len(meant):
        differ = [place for place, (left, right) in enumerate(zip(word, meant, strict=True)) if left != right]
        exchanged = len(differ) == 2 and differ[1] == differ[0] + 1 and word[differ[0]] == meant[differ[1]]  # noqa: PLR2004 - a pair
        return len(differ) == 1 or (exchanged and word[differ[1]] == meant[differ[0]])
    shorter, longer = sorted((word, meant), key=len)
    return any(longer[:place] + longer[place + 1 :] == shorter for place in range(len(longer)))
