"""Every threshold has a bound, a sentence and a default that is within its own bounds."""

from typing import Any

import pytest
from pydantic import ValidationError

from ige_pipeline.settings import Settings


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_says_in_a_sentence_what_it_is(name: str) -> None:
    sentence = Settings.model_fields[name].description or ""

    assert sentence[:1] in {sentence[:1].upper(), "`"}
    assert sentence.endswith(".")


def test_every_default_is_within_its_own_bounds() -> None:
    defaults = Settings().model_dump()

    assert Settings(**defaults).model_dump() == defaults


def test_the_defaults_of_the_old_system_are_kept() -> None:
    settings = Settings()

    assert (settings.max_messages_per_run, settings.messages_per_second) == (20, 0.5)
    assert (settings.min_gap_hours, settings.min_trust_score, settings.trust_without_record) == (48, 20, 50)
    assert (settings.ignored_in_a_row, settings.ignored_pause_days) == (3, 7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_gap_hours", -1),
        ("min_gap_hours", float("nan")),
        ("min_gap_hours", float("inf")),
        ("min_trust_score", 101),
        ("messages_per_second", 0),
        ("high_priority_min_score", 11),
        ("quiet_until_hour", 13),
        ("quiet_from_hour", 24),
        ("quiet_weekdays", "sunday closed"),
        ("quiet_weekdays", "sun 10-17"),
        ("quiet_weekdays", "sun 17:00-10:00"),
        ("quiet_weekdays", "sun closed, sun 10:00-17:00"),
        ("quiet_weekdays", ", ".join(f"{day} closed" for day in ["mon", "tue", "wed", "thu", "fri", "sat", "sun"])),
        ("default_region", "us"),
        ("default_region", "UK"),
        ("quiet_guess_until_hour", 13),
        ("quiet_guess_from_hour", 12),
        ("rejected_text_days", 61),
        ("phone_check", "loose"),
        ("lease_seconds", 91),
        ("max_messages_per_run", 1.5),
    ],
)
def test_a_value_out_of_bounds_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(**{name: value})


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="min_gap_hour"):
        Settings(min_gap_hour=48)  # type: ignore[call-arg]


def test_settings_do_not_change_under_a_run() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().min_gap_hours = 1  # type: ignore[misc]
