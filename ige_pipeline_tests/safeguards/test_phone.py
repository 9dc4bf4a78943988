"""What a stored number is worth."""

import pytest

from ige_pipeline.safeguards.phone import Phone, PhoneVerdict, mask, read_phone


@pytest.mark.parametrize("raw", ["+12125550123", "(212) 555-0123", "212.555.0123", "1 212 555 0123", " 2125550123 "])
def test_every_spelling_of_a_number_is_one_number(raw: str) -> None:
    assert read_phone(raw, region="US") == Phone(PhoneVerdict.POSSIBLE, "+12125550123")


def test_a_number_with_a_country_code_needs_no_region() -> None:
    assert read_phone("+49 30 901820", region="US") == Phone(PhoneVerdict.POSSIBLE, "+4930901820")


def test_the_region_is_assumed_where_there_is_no_country_code() -> None:
    assert read_phone("030 901820", region="DE").e164 == "+4930901820"


def test_a_number_without_area_code_is_local_and_has_no_other_form() -> None:
    assert read_phone("555-0123", region="US") == Phone(PhoneVerdict.LOCAL_ONLY)


@pytest.mark.parametrize("raw", [None, "", "   ", "\t\n"])
def test_nothing_is_no_number(raw: str | None) -> None:
    assert read_phone(raw, region="US") == Phone(PhoneVerdict.NONE)


@pytest.mark.parametrize("raw", ["call me", "12", "+1", "+999 1234567", "1" * 40, "x" * 10_000, "🙂", "\x00"])
def test_what_cannot_be_dialled_is_impossible(raw: str) -> None:
    assert read_phone(raw, region="US") == Phone(PhoneVerdict.IMPOSSIBLE)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [("+1 (212) 555-0123", "…0123"), ("0123", "…"), ("555", "…"), ("none", "none"), ("", "none"), (None, "none")],
)
def test_a_masked_number_shows_its_last_four_digits_at_most(raw: str | None, shown: str) -> None:
    assert mask(raw) == shown
