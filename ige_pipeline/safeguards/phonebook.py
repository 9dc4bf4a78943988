"""Read stored phone numbers once and remember what they are: which E.164 number, where it rings, whether it can.

Reading one takes 70 µs, finding it again next to nothing. A new release of the library may judge differently, so its
version is kept and a change of it reads a number again.
"""

import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.lanes import side_by_side
from ige_pipeline.postgres.numbered import Rows, ask, numbered
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.phone import PhoneVerdict, place_of, read_phone

_QUERIES = load(__package__, "phonebook.sql")
_UNREAD_NUMBERS = numbered(_QUERIES["unread_numbers"])
_SHARING_WITH = numbered(_QUERIES["sharing_with"])
_AT_ONCE = 50_000
_A_FEW = 1_000
_OTHERS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Sharing:
    """Contractors who have a number in common with another; those with the same number belong together.

    These numbers only count: they are no phone numbers.
    """

    numbers: dict[int, int]

    def of(self, contractor_ids: Collection[int | None]) -> dict[str, list[int]]:
        """Return what `recipient_facts` asks for: those of them who share, and with whom."""
        return self._together({self.numbers[each] for each in contractor_ids if each in self.numbers})

    def between(self, first: int, last: int) -> dict[str, list[int]]:
        """Return the same for all whose id lies between these two, or is one of them."""
        return self._together({number for each, number in self.numbers.items() if first <= each <= last})

    def _together(self, wanted: set[int]) -> dict[str, list[int]]:
        found = [(each, number) for each, number in self.numbers.items() if number in wanted]
        return {"sharing_ids": [each for each, _ in found], "sharing_numbers": [number for _, number in found]}


NOBODY = Sharing({})
"""As if no two had the same number."""


def look_up(conn: Connection, contractor_ids: Collection[int | None], *, region: str) -> Sharing:
    """Read the numbers of these contractors that are new, and say who shares one, with them or (of many) at all.

    `region` (ISO 3166 alpha-2) is assumed where a number has no country code.
    """
    ids = sorted({each for each in contractor_ids if each is not None})
    read_numbers(conn, ids, region=region)
    return _sharing(conn, ids, region=region)


@dataclass(frozen=True)
class AskedUp:
    """What was asked of the phone book in a pipeline: which numbers are new, and who shares one."""

    unread: Rows
    alike: Rows


def ask_up(conn: Connection, contractor_ids: Collection[int | None], *, region: str) -> AskedUp:
    """Ask what `look_up` asks; in a pipeline the rows are there at its end."""
    asked = {"contractor_ids": sorted({each for each in contractor_ids if each is not None}), **reader(region)}
    return AskedUp(ask(conn, _UNREAD_NUMBERS, asked), ask(conn, _SHARING_WITH, asked))


def told_up(conn: Connection, asked: AskedUp, contractor_ids: Collection[int | None], *, region: str) -> Sharing | None:
    """Return who shares a number, None where nobody does; numbers that are new are read first."""
    if asked.unread.fetchone() is not None:
        return look_up(conn, contractor_ids, region=region)
    found = Sharing({row["id"]: row["number"] for row in asked.alike})
    return found if len(set(found.numbers.values())) < len(found.numbers) else None


def look_up_batch(
    lanes: Sequence[Connection], whose: Callable[[Connection], str], *, many: Callable[[Connection], bool], region: str
) -> Sharing:
    """Read some more of all numbers, those of a batch's contractors in any case, and say who shares one.

    `whose` gives their ids as the text of an array, `{1,2}`; where they are `many` it is asked only if it must be. With
    two connections nobody waits for the reading, which in most batches finds nothing to read.
    """
    read, found = list[int](), list[Sharing]()

    def read_some(conn: Connection) -> None:
        read.append(read_others(conn, region=region))
        if read[0] == _OTHERS_AT_ONCE:
            read_numbers(conn, whose(conn), region=region)

    def share(conn: Connection) -> None:
        found.append(_all_sharing(conn, region=region) if many(conn) else _sharing(conn, whose(conn), region=region))

    side_by_side(lanes, (read_some, share), lambda conn, work: work(conn))
    if read[0] and len(lanes) > 1:
        share(lanes[0])
    return found[-1]


def _sharing(conn: Connection, contractor_ids: Collection[int] | str, *, region: str) -> Sharing:
    if _counted(contractor_ids) <= _A_FEW:
        asked = {"contractor_ids": _as_array(contractor_ids), "region": region}
        return _shared(conn.execute(_QUERIES["sharing_with"], asked).fetchall())
    return _all_sharing(conn, region=region)


def _all_sharing(conn: Connection, *, region: str) -> Sharing:
    with conn.transaction():
        conn.execute(_QUERIES["plan_for_all"])
        return _shared(conn.execute(_QUERIES["all_sharing"], {"region": region}).fetchall())


def _shared(rows: Iterable[dict[str, Any]]) -> Sharing:
    return Sharing({row["id"]: row["number"] for row in rows})


def _counted(contractor_ids: Collection[int] | str) -> int:
    return contractor_ids.count(",") + 1 if isinstance(contractor_ids, str) else len(contractor_ids)


def _as_array(contractor_ids: Iterable[int] | str) -> list[int] | str:
    return contractor_ids if isinstance(contractor_ids, str) else list(contractor_ids)


def read_others(conn: Connection, *, region: str, at_most: int = _OTHERS_AT_ONCE) -> int:
    """Read some more of the numbers that nobody has asked about yet, and return how many; a batch calls this.

    Until all are read, somebody who is stored twice may be known by one of their numbers only.
    """
    with conn.transaction():
        conn.execute(_QUERIES["plan_for_all"])
        rows = conn.execute(_QUERIES["other_unread_numbers"], {"at_most": at_most, **reader(region)}).fetchall()
    return _record(conn, sorted(row["raw"] for row in rows), region=region)


def read_numbers(conn: Connection, contractor_ids: Iterable[int] | str, *, region: str) -> int:
    """Read the numbers of these contractors that nobody has read yet, and return how many there were."""
    wanted = {"contractor_ids": _as_array(contractor_ids), **reader(region)}
    return _record(conn, [row["raw"] for row in conn.execute(_QUERIES["unread_numbers"], wanted)], region=region)


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


def _record(conn: Connection, raws: list[str], *, region: str) -> int:
    for start in range(0, len(raws), _AT_ONCE):
        entries = [entry(raw, region=region) for raw in raws[start : start + _AT_ONCE]]
        columns = {name: [each[name] for each in entries] for name in entries[0]}
        conn.execute(_QUERIES["record_numbers"], {**columns, **reader(region)})
    return len(raws)


def _digits(raw: str) -> str:
    return "".join(str(unicodedata.digit(char)) for char in raw if char.isdecimal())


@cache
def reader(region: str) -> dict[str, str]:
    """Return what says by which library, and as numbers of which region, a number was read."""
    return {"region": region, "read_by": f"phonenumbers {version('phonenumbers')}"}
