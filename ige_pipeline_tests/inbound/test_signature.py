"""What a phone writes below a text is not what somebody says."""

import pytest

from ige_pipeline.inbound.signature import is_reaction, without_signature


@pytest.mark.parametrize(
    "below", ["\nSent from my iPhone", "\n\nGet Outlook for Android\n", "\n--\nBob\nStop Roofing", "\n  -- \nBob"]
)
def test_what_is_signed_below_is_left_out(below: str) -> None:
    assert without_signature("All good" + below).strip() == "All good"


def test_a_line_is_left_out_and_those_around_it_stay() -> None:
    assert without_signature("One\nSent from my iPhone\nTwo") == "One\nTwo"


def test_a_heart_is_no_word_of_theirs() -> None:
    assert is_reaction("Loved \u201cReply STOP to opt out\u201d")
    assert not is_reaction("I loved it")
