"""What one request asks: its parameters, read with care, and who asks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ige_pipeline.console.session import Visitor
from ige_pipeline.postgres.connection import Connection

MOST = 2**63 - 1
_LONGEST = 2_000
_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class Malformed(Exception):  # noqa: N818 - as Refusal: it is the request that is wrong
    """A parameter that no form of ours would send; its text is a sentence for whoever typed it."""


class Missing(Exception):  # noqa: N818 - as above
    """What was asked for is not there."""


@dataclass(frozen=True)
class Ask:
    """One request of one visitor, with a connection for its length. `parts` are those of the path."""

    visitor: Visitor
    conn: Connection
    path: str
    parts: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, list[str]] = field(default_factory=dict)
    form: Mapping[str, list[str]] = field(default_factory=dict)
    fragment: bool = False

    @property
    def values(self) -> Mapping[str, list[str]]:
        """What was sent: the form where there is one, else the query."""
        return self.form or self.query

    def text(self, name: str, *, most: int = 200) -> str:
        """Return a text without what no keyboard types, at most so long; empty where none was given."""
        given = (self.values.get(name) or [""])[0]
        return _UNREADABLE.sub("", given).strip()[:most]

    def one_of(self, name: str, allowed: Mapping[str, Any] | frozenset[str] | tuple[str, ...]) -> str | None:
        """Return one of the words, None where none was given; Malformed for another."""
        given = self.text(name)
        if given and given not in allowed:
            raise Malformed(f"{name} is not one of the choices.")
        return given or None

    def number(self, name: str, *, least: int = 1, most: int = MOST) -> int | None:
        """Return a whole number, None where none was given; Malformed where it is none or out of bounds."""
        return whole(self.text(name), name, least=least, most=most)

    def numbers(self, name: str, *, at_most: int = 500) -> list[int]:
        """Return several numbers, each once; Malformed where one is none, or there are too many."""
        given = [whole(each.strip(), name) for each in self.values.get(name, [])[: at_most + 1]]
        found = sorted({each for each in given if each is not None})
        if len(found) > at_most:
            raise Malformed(f"At most {at_most} may be chosen at once.")
        return found

    def moment(self, name: str) -> datetime | None:
        """Return a time (UTC where it names no zone), None where none was given; Malformed where it is none."""
        given = self.text(name)
        if not given:
            return None
        try:
            read = datetime.fromisoformat(given)
            read = (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise Malformed(f"{name} is not a time: write it as 2026-11-23T14:00.") from error
        if not 2000 <= read.year < 2100:  # noqa: PLR2004 - what anybody could mean
            raise Malformed(f"{name} is too far away.")
        return read

    def part(self, name: str = "id") -> int:
        """Return a number of the path; Missing where nothing can have it."""
        number = int(self.parts[name])
        if not 0 < number <= MOST:
            raise Missing
        return number


def whole(written: str, name: str, *, least: int = 1, most: int = MOST) -> int | None:
    """Read a whole number within bounds."""
    if not written:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", written):
        raise Malformed(f"{name} is not a whole number.")
    number = int(written)
    if not least <= number <= most:
        raise Malformed(f"{name} is out of bounds.")
    return number
