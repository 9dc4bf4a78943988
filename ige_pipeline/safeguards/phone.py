"""What a stored phone number is worth: a number that can be dialled, a local one, an impossible one, or none.

Rules of possibility are those of libphonenumber; which are in use it cannot know.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any

NORTH_AMERICA = 1
"""The country code that the US shares with Canada and the Caribbean (ITU-T E.164)."""
_A_FEW_ZONES = 4
UNKNOWN_ZONE = "Etc/Unknown"
"""libphonenumber's and our word for a number abroad that may ring anywhere; no clock goes by it."""


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


@dataclass(frozen=True)
class Place:
    """Where a number was given out: IANA zones, all of which it may ring in, and the US state (`FL`), as far as known.

    People move and keep their numbers: this is a guess, to be used only to be more careful. No zones means somewhere in
    the US.
    """

    zones: tuple[str, ...] = ()
    state: str | None = None


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


def place_of(phone: Phone) -> Place:
    """Guess where a number rings from its area code or country."""
    if phone.e164 is None:
        return Place()
    import phonenumbers  # noqa: PLC0415 - as above
    from phonenumbers import geocoder, timezone  # noqa: PLC0415 - as above

    parsed = phonenumbers.parse(phone.e164, None)
    zones = timezone.time_zones_for_number(parsed)
    told = UNKNOWN_ZONE not in zones
    if parsed.country_code != NORTH_AMERICA:
        return Place(tuple(zones) if told else (UNKNOWN_ZONE,))
    # A toll-free number lies in all forty zones of its numbering plan, which says nothing.
    return Place(
        tuple(zones) if told and len(zones) <= _A_FEW_ZONES else (),
        _state(geocoder.description_for_number(parsed, "en")),
    )


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


@cache
def _state(description: str) -> str | None:
    """Read "Miami, FL" or "Florida"; what is neither ("Toronto, ON", "Jamaica") is no state of the US."""
    code = description.rpartition(", ")[2]
    return code if code in STATES.values() else STATES.get(description.removesuffix(" State"))


STATES = {
    "Alabama": "AL", "Alaska": "AK", "Arizona": "AZ", "Arkansas": "AR", "California": "CA", "Colorado": "CO",
    "Connecticut": "CT", "Delaware": "DE", "Florida": "FL", "Georgia": "GA", "Hawaii": "HI", "Idaho": "ID",
    "Illinois": "IL", "Indiana": "IN", "Iowa": "IA", "Kansas": "KS", "Kentucky": "KY", "Louisiana": "LA",
    "Maine": "ME", "Maryland": "MD", "Massachusetts": "MA", "Michigan": "MI", "Minnesota": "MN", "Mississippi": "MS",
    "Missouri": "MO", "Montana": "MT", "Nebraska": "NE", "Nevada": "NV", "New Hampshire": "NH", "New Jersey": "NJ",
    "New Mexico": "NM", "New York": "NY", "North Carolina": "NC", "North Dakota": "ND", "Ohio": "OH",
    "Oklahoma": "OK", "Oregon": "OR", "Pennsylvania": "PA", "Rhode Island": "RI", "South Carolina": "SC",
    "South Dakota": "SD", "Tennessee": "TN", "Texas": "TX", "Utah": "UT", "Vermont": "VT", "Virginia": "VA",
    "Washington": "WA", "Washington D.C.": "DC", "West Virginia": "WV", "Wisconsin": "WI", "Wyoming": "WY",
}  # fmt: skip
"""The names that libphonenumber's geocoder gives to whole area codes, and the letters it gives to cities."""
