"""A situation that a text is written about, read from a data file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ige_pipeline.generation.draft import Brief, Exchange
from ige_pipeline.generation.notice import Notice
from ige_pipeline.generation.variants import MESSAGE_TYPES

# Of somebody made up, and of a usual length.
_NOTICE = Notice("Harbor Business Concierge", "Reply STOP to opt out.")
_FILE = Path(__file__).with_name("situations.toml")


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of somebody, and what the text about it must not hold."""

    message_type: str
    about: str
    brief: Brief
    never: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name it by its type and what makes it hard."""
        return f"{self.message_type}: {self.about}"

    @property
    def recent(self) -> tuple[str, ...]:
        """The texts that were sent lately."""
        return tuple(each.said for each in self.brief.exchanges)


@cache
def version() -> int:
    """Return the version of the set: figures are compared only within one."""
    return int(_content()["version"])


@cache
def situations() -> tuple[Situation, ...]:
    """Return every situation of the set, in the order of the file."""
    content = _content()
    listed = [(kind, given) for kind in MESSAGE_TYPES for given in content[kind]]
    return tuple(_situation(number, kind, given) for number, (kind, given) in enumerate(listed, start=1))


def _content() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def _situation(number: int, message_type: str, given: Mapping[str, Any]) -> Situation:
    said = tuple(Exchange(said, replied or None, days) for days, said, replied in given.get("said", ()))
    brief = Brief(
        decision_id=number,
        contractor_id=number,
        trigger="evaluation",
        message_type=message_type,
        first_name=given.get("first_name"),
        company_name=given.get("company_name"),
        facts=given["facts"],
        reason=f"Situation {number}.",
        occurrence=str(number),
        trust=given.get("trust"),
        notice=_NOTICE if given.get("first") else None,
        exchanges=said,
    )
    return Situation(message_type, given["about"], brief, tuple(given.get("never", ())))
