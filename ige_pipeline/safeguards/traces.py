"""Whether the dates and names of a text occur in the facts that its writer was given."""

import re
from collections.abc import Iterable, Iterator, Sequence

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_ISO_DATE = re.compile(r"\b\d{4}-(\d{2})-\d{2}")
_SENTENCE_START = re.compile(r"(?:^|[.!?:\n])[\s\"'\u201c\u2018(-]*$")

_MONTHS = (
    "january jan enero janvier gennaio januari",
    "february feb febrero f\u00e9vrier febbraio februari",
    "march mar marzo mars maart",
    "april apr abril avril aprile",
    "may mayo mai maggio mei",
    "june jun junio juin giugno juni",
    "july jul julio juillet luglio juli",
    "august aug agosto ao\u00fbt augustus",
    "september sep sept septiembre septembre settembre",
    "october oct octubre octobre ottobre oktober",
    "november nov noviembre novembre",
    "december dec diciembre d\u00e9cembre dicembre",
)
_DAYS = (
    "monday mon lunes lundi luned\u00ec maandag",
    "tuesday tue tues martes mardi marted\u00ec dinsdag",
    "wednesday wed mi\u00e9rcoles mercredi mercoled\u00ec woensdag",
    "thursday thu thur thurs jueves jeudi gioved\u00ec donderdag",
    "friday fri viernes vendredi venerd\u00ec vrijdag",
    "saturday sat s\u00e1bado samedi sabato zaterdag",
    "sunday sun domingo dimanche domenica zondag",
)
_CALENDAR = {spelling: names.split()[0] for names in (*_MONTHS, *_DAYS) for spelling in names.split()}
# "In march", "on wed": a small letter is a date behind one of these; "next may" or "the sun" is none.
_BEHIND_A_WORD = re.compile(
    r"\b(?:(?:in|by|of|until|till|since|before|after)\s+(?:jan|mar|march|may|sep|dec)"
    r"|(?:on|by|next|last|until|till)\s+(?:wed|sat|sun))(?=\s*(?:[.,;?!]|$|or\b|and\b|then\b|at\b))",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"\b(?:tomorrow|tonight|yesterday|noon|midnight|(?:next|last)\s(?:week|month|year)(?!['\u2019-]))\b", re.IGNORECASE
)
# Words of their own as well; they are a date only with a capital inside a sentence, or beside a day.
_AMBIGUOUS = frozenset({"may", "march", "mar", "jan", "sun", "sat", "wed", "sep", "dec", "mars", "mei", "mai"})
_BESIDE_A_DAY = re.compile(r"^\s+\d{1,2}(?:st|nd|rd|th)?\b")

_CAPITALISED = "i i'm i'd i'll i've ok okay fyi asap am pm sms pdf mr mrs ms dr ps tv us uk usa eu"
_NO_NAMES = frozenset(_CAPITALISED.split())
# Their dot ends no sentence.
_TITLE = re.compile(r"\b(?:mr|mrs|ms|mx|dr|prof)\.\s*$", re.IGNORECASE)
_GREETED = re.compile(
    r"^\W*(?:hi|hello|hey|dear|morning|good\s+(?:morning|afternoon|evening))\s+([^\W\d_]+)(?=[,!.])", re.IGNORECASE
)
_NOBODY = "there again all both everybody everyone folks friend friends mate neighbor neighbour team you"
_GREETED_NOBODY = frozenset(_NOBODY.split())
# Who opens a sentence and does one of these is a person, unless it is one of those behind.
_ACTS = re.compile(
    r"^\s+(?:wants|asked|asks|says|said|told|tells|called|thinks|sent|sends|wrote|replied|knows|promised|mentioned|owes"
    r"|(?:will|would|can|has|is|was)\s+(?:call|called|calling|write|asking|waiting|visit|meet|phone|text|pay|send))\b"
)
_SUBJECTS = """
    i you he she it we they who what which this that these those one each all both none some many few nobody somebody
    someone everybody everyone anybody anyone nothing something everything anything there here people customers clients
"""
_PRONOUNS = frozenset(_SUBJECTS.split())
# What may open a sentence before a comma without being somebody's name.
_OPENING = """
    hola gracias bueno buenas bien claro perfecto felicidades enhorabuena bonjour salut merci bravo bonsoir super
    f\u00e9licitations ciao grazie complimenti buongiorno bene hallo hoi dag goedemorgen bedankt gefeliciteerd
    actually afterwards again also alternatively anyway basically congrats congratulations done evening finally first
    firstly friend friends good great hello hey hi honestly hopefully however instead lately later listen look lovely
    maybe meanwhile morning nearly next nice no now okay otherwise perhaps please plus quick quickly remember right
    second so sometimes soon still sure thanks then there today tomorrow well wonderful wow yes yesterday yet
"""
_OPENERS = frozenset(_OPENING.split())


def untraced_dates(text: str, facts: Sequence[str]) -> int:
    """Count the weekdays, months and words as "noon" that no fact names; a fact's 2026-03-09 names March."""
    known = {name for fact in facts for name in (*_calendar_words(fact), *_iso_months(fact))}
    days = _relative(text).difference(*map(_relative, facts))
    return len({name for name in _dates(text) if name not in known} | days)


def untraced_names(text: str, facts: Sequence[str], allowed: Iterable[str] = ()) -> int:
    """Count the words of `text` that look like names and occur in no fact.

    A name is a word with a capital inside a sentence, one that opens a sentence and is followed by a comma or by what
    people do ("asked", "will call"), and whoever is greeted.
    """
    known = {word for source in (*facts, *allowed) for word in map(_bare, _WORD.findall(source))}
    return len({word for word in _names(text) if word not in known})


def _dates(text: str) -> Iterator[str]:
    behind = {found.end() for found in _BEHIND_A_WORD.finditer(text)}
    for found in _WORD.finditer(text):
        word = found.group()
        name = _CALENDAR.get(word.casefold())
        if name is None:
            continue
        inside = word[0].isupper() and not _SENTENCE_START.search(text[: found.start()])
        dated = _BESIDE_A_DAY.match(text[found.end() :]) or found.end() in behind
        if word.casefold() not in _AMBIGUOUS or inside or dated:
            yield name


def _relative(text: str) -> set[str]:
    return {" ".join(found.casefold().split()) for found in _RELATIVE.findall(text)}


def _calendar_words(fact: str) -> Iterator[str]:
    return (_CALENDAR[word.casefold()] for word in _WORD.findall(fact) if word.casefold() in _CALENDAR)


def _iso_months(fact: str) -> Iterator[str]:
    return (_MONTHS[int(month) - 1].split()[0] for month in _ISO_DATE.findall(fact) if 1 <= int(month) <= len(_MONTHS))


def _names(text: str) -> Iterator[str]:
    greeted = _GREETED.match(text)
    if greeted and (word := _bare(greeted[1])) not in _OPENERS | _GREETED_NOBODY | _NO_NAMES:
        yield word
    for found in _WORD.finditer(text):
        word = _bare(found.group())
        if found.group().islower() or word in _NO_NAMES or word in _CALENDAR:
            continue
        before, after = text[: found.start()], text[found.end() :]
        opens = _SENTENCE_START.search(before) is not None and not _TITLE.search(before)
        addressed = after[:1] == "," and word not in _OPENERS
        addressed = addressed or (_ACTS.match(after) is not None and word not in _PRONOUNS)
        if (not opens and _has_capital(found.group())) or (opens and addressed):
            yield word


def _has_capital(word: str) -> bool:
    return any(char.isupper() for char in word)


def _bare(word: str) -> str:
    return word.casefold().replace("\u2019", "'").removesuffix("'s")
