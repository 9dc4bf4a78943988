"""Which hours of which day somebody may be texted in: the setting, narrowed by what we guessed and by their state.

The states' rules are data (`quiet_rules.toml`), each with the statute it comes from.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from ige_pipeline.refusal import Refusal
from ige_pipeline.safeguards.phone import STATES
from ige_pipeline.safeguards.quiet_hours import Closed, Hours, Week, never_closed

_ALL_DAY = Hours(time.min, time.max)
_RULES = Path(__file__).with_name("quiet_rules.toml")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class QuietSettings(Protocol):
    """The settings that say when it is quiet."""

    @property
    def quiet_until_hour(self) -> int: ...  # noqa: D102 - a setting
    @property
    def quiet_from_hour(self) -> int: ...  # noqa: D102 - a setting
    @property
    def quiet_guess_until_hour(self) -> int: ...  # noqa: D102 - a setting
    @property
    def quiet_guess_from_hour(self) -> int: ...  # noqa: D102 - a setting
    @property
    def quiet_weekdays(self) -> str: ...  # noqa: D102 - a setting
    @property
    def state_rules(self) -> bool: ...  # noqa: D102 - a setting
    @property
    def quiet_holidays(self) -> str: ...  # noqa: D102 - a setting


@dataclass(frozen=True)
class StateRule:
    """What one state allows. `at_most_in_24_hours` is None where it sets no number."""

    week: Week
    statute: str
    verified: str
    at_most_in_24_hours: int | None = None


@cache
def state_rules() -> Mapping[str, StateRule]:
    """Read the rules by state (`FL`); ValueError for one that is not as `quiet_rules.toml` says."""
    return parse(_RULES.read_text(encoding="utf-8"))


def parse(text: str) -> Mapping[str, StateRule]:
    """Read rules from TOML; ValueError for a state, a day or a key that there is not."""
    return {code: _rule(code, dict(written)) for code, written in tomllib.loads(text).items()}


def allowed_week(settings: QuietSettings, *, guessed: bool, state: str) -> Week:
    """Return the hours of each day: the settings', narrower where the zone is a guess, and those of the state.

    Each can only take hours away from the others.

    `state` is like `FL`, empty where it is not known; ValueError for one that there is not.
    """
    base: Hours | None = Hours(time(settings.quiet_until_hour), time(settings.quiet_from_hour))
    if guessed:
        # An hour less at each end: the neighbouring zone is then still within the law.
        narrowed = Hours(time(settings.quiet_guess_until_hour), time(settings.quiet_guess_from_hour))
        base = narrowed.within(base)
    week = tuple(each.within(base) if each else None for each in weekdays(settings.quiet_weekdays))
    rule = rule_of(settings, state)
    if rule is None:
        return week
    return tuple(each.within(ours) if each else None for each, ours in zip(rule.week, week, strict=True))


@cache
def weekdays(written: str) -> Week:
    """Read the setting `quiet_weekdays`: all day where it says nothing."""
    said = dict(each.split() for each in written.split(",") if each)
    return tuple(_window(said.get(day[:3], "")) for day in _DAYS)


def _window(said: str) -> Hours | None:
    if said == "closed":
        return None
    start, _, end = said.partition("-")
    return Hours(time.fromisoformat(start), time.fromisoformat(end)) if said else _ALL_DAY


def rule_of(settings: QuietSettings, state: str) -> StateRule | None:
    """Return the state's rule if it has one and the setting asks for it."""
    if state and state not in STATES.values():
        raise ValueError("That is no state of the US.")
    return state_rules().get(state) if settings.state_rules else None


def in_words(week: Week) -> str:
    """Say a week as `08:00-21:00`, or where days differ each of its runs: `Mon-Sat 09:00-21:00, Sun 12:00-21:00`."""
    said = [str(each) if each else "closed" for each in week]
    if len(set(said)) == 1:
        return said[0]
    starts = [place for place, hours in enumerate(said) if place == 0 or hours != said[place - 1]]
    runs = zip(starts, [*starts[1:], len(said)], strict=True)
    return ", ".join(f"{_run(first, after - 1)} {said[first]}" for first, after in runs)


@cache
def holidays_of(country: str, *, importer: Callable[[str], Any] = import_module) -> Closed:
    """Return what says of a local day whether it is a public holiday of `country` (ISO 3166 alpha-2, empty for none).

    Refusal when the package for it is not installed or does not know the country. Holidays of single states are not in.
    """
    if not country:
        return never_closed
    try:
        calendar = importer("holidays").country_holidays(country)
    except ImportError as error:
        raise Refusal(
            "quiet_holidays needs a package that is not installed: pip install 'ige_pipeline[holidays]'."
        ) from error
    except NotImplementedError as error:
        raise Refusal(f"quiet_holidays is {country!r}, a country whose holidays nobody wrote down.") from error
    return lambda day: day in calendar


def _rule(code: str, written: dict[str, Any]) -> StateRule:
    if code not in STATES.values():
        raise ValueError(f"{code} is no state of the US.")
    every_day = written.pop("every_day")
    days = [written.pop(day, every_day) for day in _DAYS]
    try:
        return StateRule(week=tuple(_hours(code, day) for day in days), **written)
    except TypeError as error:
        raise ValueError(f"The rule of {code} has a key that is not known, or lacks one.") from error


def _hours(code: str, written: list[str]) -> Hours | None:
    if not written:
        return None
    start, end = (time.fromisoformat(each) for each in written)
    if start >= end:
        raise ValueError(f"The hours of {code} end before they start: {written}.")
    return Hours(start, end)


def _run(first: int, last: int) -> str:
    names = [day[:3].title() for day in _DAYS]
    return names[first] if first == last else f"{names[first]}-{names[last]}"
