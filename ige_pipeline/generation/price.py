"""What a call to a model costs, from a small table in a data file or from a setting."""

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
    """USD per million tokens; `known` is false where it is only the most that it could be."""

    input: Decimal
    cached: Decimal
    output: Decimal
    known: bool = True

    def of(self, *, tokens_in: int, tokens_cached: int, tokens_out: int) -> Decimal:
        """Return USD; `tokens_in` includes the cached ones, as providers report them."""
        fresh = max(0, tokens_in - tokens_cached)
        return (fresh * self.input + tokens_cached * self.cached + tokens_out * self.output) / _PER

    def at_most(self, *, bytes_in: int, tokens_out: int) -> Decimal:
        """Return the most that a call can cost: no token is shorter than a byte, and none may be cached."""
        dearest = max(self.input, self.cached)
        return (bytes_in * dearest + tokens_out * self.output) / _PER


@cache
def table() -> Mapping[str, Price]:
    """Read the data file once."""
    listed = tomllib.loads(_BUILT_IN.read_text(encoding="utf-8"))
    return {model: _listed(prices) for model, prices in listed.items()}


def _listed(prices: Mapping[str, str]) -> Price:
    return Price(Decimal(prices["input"]), Decimal(prices["cached"]), Decimal(prices["output"]))


def find(model: str) -> Price | None:
    """Return the price of a model, by its name with or without a date; None for one that is not listed."""
    bare = model.rsplit("/", maxsplit=1)[-1]
    return table().get(bare) or table().get(_DATE.sub("", bare))


def of_model(model: str, *, stated: str = "") -> Price:
    """Return the price to reckon with: `stated` ("in/cached/out"), else the listed one, else the dearest of all.

    A spend limit must hold for a model that nobody listed, too.
    """
    if stated:
        fresh, cached, out = (Decimal(usd) for usd in stated.split("/"))
        return Price(fresh, cached, out)
    return find(model) or dearest()


def dearest() -> Price:
    """Return the highest price of each kind that is listed."""
    listed = table().values()
    return Price(
        max(each.input for each in listed),
        max(each.cached for each in listed),
        max(each.output for each in listed),
        known=False,
    )
