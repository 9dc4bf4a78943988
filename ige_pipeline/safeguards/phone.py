"""What a stored phone number is worth: a number that can be dialled, a local one, an impossible one, or none.

Rules of possibility are those of libphonenumber; which are in use it cannot know.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any


class PhoneVerdict(StrEnum):
    """How far a stored number can be trusted."""

    POSSIBLE = "possible"
    LOCAL_ONLY = "local_only"
    IMPOSSIBLE = "impossible"
    NONE = "none"


@dataclass(frozen=True)
class Phone:
    """A stored number's verdict and, where it has one, its E.164 form."""

    verdict: PhoneVerdict
    e164: str | None = None


@lru_cache(maxsize=100_000)
def read_phone(raw: str | None, *, region: str) -> Phone:
    """Judge a number as stored; `region` (ISO 3166 alpha-2) is assumed where it has no country code."""
    if raw is None or not raw.strip():
        return Phone(PhoneVerdict.NONE)
    import phonenumbers  # noqa: PLC0415 - 0.3 s of metadata that an idle delivery run never needs

    try:
        parsed = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return Phone(PhoneVerdict.IMPOSSIBLE)
    return _judge(phonenumbers, parsed)


def mask(raw: str | None) -> str:
    """Show a number by its last four digits only, as everything outside the database must."""
    digits = [char for char in raw or "" if char.isdecimal()]
    if not digits:
        return "none"
    return "…" + "".join(digits[-4:]) if len(digits) > 4 else "…"  # noqa: PLR2004 - the last four


def _judge(phonenumbers: Any, parsed: Any) -> Phone:
    possible = phonenumbers.is_possible_number_with_reason(parsed)
    if possible == phonenumbers.ValidationResult.IS_POSSIBLE:
        return Phone(PhoneVerdict.POSSIBLE, phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
    if possible == phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        return Phone(PhoneVerdict.LOCAL_ONLY)
    return Phone(PhoneVerdict.IMPOSSIBLE)
