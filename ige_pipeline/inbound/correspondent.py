"""Whose number it is that wrote, and which of our messages they had last."""

from dataclasses import dataclass

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.phone import PhoneVerdict, read_phone
from ige_pipeline.safeguards.phonebook import read_numbers
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "receive.sql")


@dataclass(frozen=True)
class Correspondent:
    """The contractors behind one number, and the newest message to any of them.

    `known_by`: `number`, `local number`, or `earlier number`; they have another one by now.
    """

    contractor_ids: tuple[int, ...] = ()
    message_id: int | None = None
    known_by: str = ""

    @property
    def contractor_id(self) -> int | None:
        """The one who was written to last."""
        return self.contractor_ids[0] if self.contractor_ids else None

    @property
    def reached_by_it(self) -> tuple[int, ...]:
        """Those whom a text to this number reaches."""
        return () if self.known_by == "earlier number" else self.contractor_ids


def number_of(raw: str, settings: Settings) -> str | None:
    """Return a number as E.164, None for a short code, a name, or what else cannot be dialled from everywhere."""
    phone = read_phone(raw, region=settings.default_region)
    return phone.e164 if phone.verdict is PhoneVerdict.POSSIBLE else None


def whose(conn: Connection, phone_e164: str, settings: Settings) -> Correspondent:
    """Find who has, or had, this number; nobody is a correspondent without contractors."""
    found = _whose(conn, phone_e164, settings)
    if not found.reached_by_it and _read_spellings(conn, phone_e164, settings):
        found = _whose(conn, phone_e164, settings)
    return found


def _whose(conn: Connection, phone_e164: str, settings: Settings) -> Correspondent:
    asked = {"phone_e164": phone_e164, "region": settings.default_region}
    rows = conn.execute(_QUERIES["whose"], asked).fetchall()
    if not rows:
        return Correspondent()
    return Correspondent(tuple(row["contractor_id"] for row in rows), rows[0]["message_id"], rows[0]["known_by"])


def _read_spellings(conn: Connection, phone_e164: str, settings: Settings) -> int:
    """Read the numbers of contractors whom no batch has looked at yet, if one is spelled in a usual way."""
    rows = conn.execute(_QUERIES["spelled_so"], {"spellings": spellings(phone_e164, region=settings.default_region)})
    return read_numbers(conn, [row["id"] for row in rows], region=settings.default_region)


def spellings(phone_e164: str, *, region: str) -> list[str]:
    """Return the usual ways to write a number, in its country and from abroad."""
    import phonenumbers  # noqa: PLC0415 - 0.3 s of metadata

    parsed = phonenumbers.parse(phone_e164, region)
    kinds = phonenumbers.PhoneNumberFormat
    national = phonenumbers.format_number(parsed, kinds.NATIONAL)
    abroad = phonenumbers.format_number(parsed, kinds.INTERNATIONAL)
    digits = "".join(char for char in national if char.isdigit())
    code = str(parsed.country_code)
    dashed = national.replace("(", "").replace(") ", "-")
    here = {digits, national, national.replace(") ", ")"), dashed}
    here |= {dashed.replace("-", sign) for sign in (".", " ")}
    there = {phone_e164, phone_e164[1:], abroad, abroad.replace("-", " "), abroad.replace(" ", "-")}
    return sorted(here | there | {f"{code} {national}", f"+{code} {national}", f"{code}-{dashed}"})
