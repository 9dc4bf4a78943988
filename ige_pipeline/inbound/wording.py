"""How people put it: what is written in `opting_out.toml`, read once. Pure."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

WORDING: Mapping[str, Any] = tomllib.loads(files(__package__).joinpath("opting_out.toml").read_text(encoding="utf-8"))


def words(name: str) -> frozenset[str]:
    """Return a list of words."""
    return frozenset(WORDING[name])


def each_pattern(name: str) -> Sequence[re.Pattern[str]]:
    """Return a list of patterns."""
    return tuple(re.compile(_filled(each)) for each in WORDING[name])


def patterns(name: str) -> Mapping[str, re.Pattern[str]]:
    """Return {rule: its pattern}; `<…>` stands for what is written once for several."""
    return {rule: re.compile(_filled(each)) for rule, each in WORDING[name].items()}


def without(unmeant: Sequence[re.Pattern[str]], clause: str) -> str:
    """Take things out of a clause, one after the other."""
    for each in unmeant:
        clause = each.sub(" ", clause)
    return clause


def left_over(said: str, known: frozenset[str]) -> Sequence[str]:
    """Return the words of a clause that are not among these."""
    return [word for word in said.split() if word not in known]


def _filled(written: str) -> str:
    for name, meant in WORDING["short"].items():
        written = written.replace(f"<{name}>", meant)
    return written
