"""Read stored phone numbers once and remember what they are: which E.164 number, where it rings, whether it can.

Reading one takes 70 µs, finding it again next to nothing. A new release of the library may judge differently, so its
version is kept and a change of it reads a number again.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from typing import Any

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.phone import PhoneVerdict, place_of, read_phone

_QUERIES = load(__package__, "phonebook.sql")
_AT_ONCE = 50_000


def read_numbers(conn: Connection, contractor_ids: Iterable[int | None], *, region: str) -> int:
    """Read the numbers of these contractors that nobody has read yet, and return how many there were.

    `region` (ISO 3166 alpha-2) is assumed where a number has no country code.
    """
    wanted = {"contractor_ids": sorted({each for each in contractor_ids if each is not None}), **_reader(region)}
    raws = [row["raw"] for row in conn.execute(_QUERIES["unread_numbers"], wanted)]
    for start in range(0, len(raws), _AT_ONCE):
        entries = [entry(raw, region=region) for raw in raws[start : start + _AT_ONCE]]
        columns = {name: [each[name] for each in entries] for name in entries[0]}
        conn.execute(_QUERIES["record_numbers"], {**columns, **_reader(region)})
    return len(raws)


def entry(raw: str, *, region: str) -> dict[str, Any]:
    """Return what the phone book keeps of one number, by column; zones are separated by blanks."""
    phone = read_phone(raw, region=region)
    place = place_of(phone)
    return {
        "raw": raw,
        "verdict": phone.verdict.value,
        "e164": phone.e164,
        "local_digits": _digits(raw) if phone.verdict is PhoneVerdict.LOCAL_ONLY else None,
        "zones": " ".join(place.zones) or None,
        "state": place.state,
    }


def _digits(raw: str) -> str:
    return "".join(str(unicodedata.digit(char)) for char in raw if char.isdecimal())


@cache
def _reader(region: str) -> dict[str, str]:
    return {"region": region, "read_by": f"phonenumbers {version('phonenumbers')}"}
