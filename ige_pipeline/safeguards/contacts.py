"""Links, e-mail addresses and phone numbers in a text, and those of them that are allowed."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from ige_pipeline.settings import Settings

# Dots of other scripts, and those in the middle of a line.
_DOTS = re.compile("[\u3002\uff0e\uff61\u00b7\u2022\u2027\u2219\u22c5\u30fb\uff65]")
_EMAIL: Final = re.compile(r"[^\s@<>()]+@[^\s@<>()]+|\w\s*[(\[]\s*at\s*[)\]]\s*\w+", re.IGNORECASE)
# A scheme, or a dot with a letter or digit on both sides and a label that could be a top-level domain behind it:
# phones turn "done.is" into a link too.
_LINK: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://\S*|\bwww\.\S+|(?:[^\W_][\w-]*\.)+(?:[^\W\d_]{2,}|xn--[\w-]+)(?![^\W_])(?::\d+)?(?:[/?#]\S*)?"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b\S*|\w\s*(?:[(\[]dot[)\]]|\bdot\b)\s*(?:com|net|org|info|io|co|ly|me|xyz|biz|app|dev)\b"
    # Odd spellings that a reader puts right: a space or comma for the dot, a scheme without a host, a handle.
    r"|\w\s+\.\s*(?:com|net|org|info|io|xyz|biz)\b|\w,(?:com|net|org|info|xyz|biz)\b|\w\s*[(\[]\s*[.,]\s*[)\]]\s*\w+"
    r"|\bh(?:tt|xx)ps?:\S*|(?<![\w/])//\w\S*|(?<!\S)@[a-z_][\w.]+",
    re.IGNORECASE,
)
_DATE: Final = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")
_PHONE: Final = re.compile(r"\+?\(?\d(?:[\s().\u2010-\u2015/-]{0,3}\d){6,}")
_HOST: Final = re.compile(
    r"(?:https?://)?(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)+)(?:[/?#][\w./?#=&%~+-]*)?", re.IGNORECASE
)
_CLOSING = ".,;:!?)'\""


@dataclass(frozen=True, slots=True)
class AllowList:
    """What a text may point to. Domains hold for themselves and `www.`, not for other subdomains.

    `phones` are compared by their digits. `names` are names of persons and companies that any text may use, such as
    the sender's.
    """

    domains: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings) -> "AllowList":
        """Return what the settings allow; entries have commas, semicolons or line breaks between them."""
        return cls(
            domains=frozenset(each.casefold().removeprefix("www.") for each in _entries(settings.allowed_domains)),
            emails=frozenset(each.casefold() for each in _entries(settings.allowed_emails)),
            phones=frozenset(_entries(settings.allowed_phones)),
        )


NOTHING = AllowList()


@dataclass(frozen=True, slots=True)
class Contacts:
    """How many of each kind stand in a text and are not allowed, and the text without any of them."""

    links: int
    emails: int
    phones: int
    rest: str


def find(text: str, allow: AllowList = NOTHING) -> Contacts:
    """Look for contacts as a phone's screen would show them: wide letters and dots count as ordinary ones."""
    seen = _DOTS.sub(".", unicodedata.normalize("NFKC", text))
    emails = [found.group() for found in _EMAIL.finditer(seen)]
    seen = _EMAIL.sub(_without, seen)
    links = [found.group() for found in _LINK.finditer(seen)]
    seen = _LINK.sub(_without, seen)
    phones = [found.group() for found in _PHONE.finditer(seen) if not _DATE.fullmatch(found.group())]
    return Contacts(
        links=sum(not _link_allowed(link, allow) for link in links),
        emails=sum(email.strip(_CLOSING).casefold() not in allow.emails for email in emails),
        phones=sum(_digits(phone) not in {_digits(each) for each in allow.phones} for phone in phones),
        rest=_PHONE.sub(lambda found: found.group() if _DATE.fullmatch(found.group()) else " ", seen),
    )


def _entries(listed: str) -> list[str]:
    return [entry for each in re.split(r"[,;\n]", listed) if (entry := each.strip())]


def _without(found: re.Match[str]) -> str:
    """Keep the punctuation behind it: what follows is still the start of a sentence."""
    contact = found.group()
    return " " + contact[len(contact.rstrip(_CLOSING)) :]


def _link_allowed(link: str, allow: AllowList) -> bool:
    parts = _HOST.fullmatch(link.rstrip(_CLOSING))
    return parts is not None and parts["host"].casefold().removeprefix("www.") in allow.domains


def _digits(number: str) -> str:
    return "".join(str(unicodedata.digit(char)) for char in number if char.isdigit())
