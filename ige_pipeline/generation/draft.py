"""What a writer may know of a contractor, and what it hands back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ige_pipeline.generation.notice import Notice

# These shape what is said and are never said: to quote one would show that a hidden goal or score exists.
PRIVATE_FACTS = frozenset({"goal", "pattern", "progress", "days_quiet"})
# No writer is told these: a score is for the ledger alone, and the old system's hints may hold anything.
_UNTOLD_FACTS = frozenset({"priority_score", "hints"})
_ID = "_id"


def is_told(key: str) -> bool:
    """Whether a fact of this name is for a writer at all: our ids and scores are not."""
    return key not in _UNTOLD_FACTS and not key.endswith(_ID)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A text that reached the contractor so many days ago, and the answer where there was one."""

    said: str
    replied: str | None
    days_ago: int
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Brief:
    """All that a writer may know; `facts`, the names and the exchanges come from others and are not to be trusted.

    `style` is one of the templates' styles; None leaves the choice to the contractor's id. Where there is a `notice`,
    the text must leave room for it. `trust` is 0 to 100, None where nothing is known; `exchanges` are the last ones,
    the oldest first.
    """

    decision_id: int
    contractor_id: int
    trigger: str
    message_type: str
    first_name: str | None
    company_name: str | None
    facts: Mapping[str, Any]
    reason: str
    occurrence: str = ""
    style: str | None = None
    trust: float | None = None
    exchanges: tuple[Exchange, ...] = ()
    notice: Notice | None = None

    def quotable(self) -> tuple[str, ...]:
        """Return each string that a text may repeat: the names, the facts that are not private, and what was said."""
        return *self.hearsay(), *self.stated()

    def hearsay(self) -> tuple[str, ...]:
        """Return what somebody is called or what was said before: words may come from there, no amount and no code."""
        return tuple(_strings((self.first_name, self.company_name, *self._said())))

    def stated(self) -> tuple[str, ...]:
        """Return the strings of the facts that are not private; a number of days is told as one."""
        spoken = {key: value for key, value in self.facts.items() if key not in PRIVATE_FACTS and is_told(key)}
        days = (f"{value} days" if _counts_days(key, value) else value for key, value in spoken.items())
        return tuple(_strings(list(days)))

    def private(self) -> tuple[str, ...]:
        """Return each string that only sets the direction and must not be said."""
        return tuple(_strings([value for key, value in self.facts.items() if key in PRIVATE_FACTS]))

    def given(self) -> tuple[str, ...]:
        """Return each string that a writer sees, the private ones too."""
        return tuple(_strings((self.first_name, self.company_name, *self.facts.values(), *self._said())))

    def _said(self) -> Iterator[str | None]:
        return (words for each in self.exchanges for words in (each.said, each.replied))


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call to a model took: tokens (`tokens_in` includes `tokens_cached`), USD, milliseconds.

    `reported` is false where the server did not say: the counts are then zero and the cost is not known.
    """

    model: str
    prompt_version: str
    request_id: str
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    cost_usd: Decimal
    latency_ms: int
    price_known: bool = True
    reported: bool = True

    def as_json(self) -> dict[str, str | int | bool]:
        """Return the fields as JSON has them; the cost stays exact, as a string."""
        return {
            "model": self.model,
            "prompt_version": self.prompt_version,
            "request_id": self.request_id,
            "tokens_in": self.tokens_in,
            "tokens_cached": self.tokens_cached,
            "tokens_out": self.tokens_out,
            "cost_usd": format(self.cost_usd, "f"),
            "latency_ms": self.latency_ms,
            "price_known": self.price_known,
            "reported": self.reported,
        }


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that nobody has judged yet; `source` is `template:<type>/<style>/<number>` or `model:<name>`."""

    text: str
    reasoning: str
    source: str
    fallback_reason: str | None = None
    usage: Usage | None = None
    facts_used: tuple[str, ...] = ()

    @property
    def style(self) -> str | None:
        """The style of a template; a model has none."""
        writer, _, place = self.source.partition(":")
        return place.split("/")[1] if writer == "template" else None


def _counts_days(key: str, value: object) -> bool:
    return "days" in key.split("_") and isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _strings(values: object) -> Iterator[str]:
    match values:
        case None | bool():
            return
        case str():
            yield values
        case Mapping():
            yield from _strings(tuple(values.values()))
        case list() | tuple() | set() | frozenset():
            for value in values:
                yield from _strings(value)
        case _:
            yield str(values)
