"""What a call to a model costs, from a small table in a data file."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

_BUILT_IN = Path(__file__).with_name("prices.toml")
_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_PER = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens."""

    input: Decimal
    cached: Decimal
    output: Decimal

    def of(self, *, tokens_in: int, tokens_cached: int, tokens_out: int) -> Decimal:
        """Return USD; `tokens_in` includes the cached ones, as providers report them."""
        fresh = max(0, tokens_in - tokens_cached)
        return (fresh * self.input + tokens_cached * self.cached + tokens_out * self.output) / _PER


@cache
def table() -> Mapping[str, Price]:
    """Read the data file once."""
    listed = tomllib.loads(_BUILT_IN.read_text(encoding="utf-8"))
    return {model: Price(**{kind: Decimal(usd) for kind, usd in prices.items()}) for model, prices in listed.items()}


def find(model: str) -> Price | None:
    """Return the price of a model, by its name with or without a date; None for one that is not listed."""
    bare = model.rsplit("/", maxsplit=1)[-1]
    return table().get(bare) or table().get(_DATE.sub("", bare))
