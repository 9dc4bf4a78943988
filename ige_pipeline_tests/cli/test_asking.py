"""What commands ask of everybody."""

import pytest

from ige_pipeline_tests.cli.terminal import Terminal

GIVE_A_REASON = (
    ("stop",),
    ("pause", "1"),
    ("resume", "1"),
    ("opt-out", "1"),
    ("cancel", "1"),
    ("drafts", "reject", "1"),
    ("retire",),
    ("restored",),
)


@pytest.mark.parametrize("words", GIVE_A_REASON, ids=" ".join)
def test_a_reason_is_kept_and_shown_so_it_holds_no_number(words: tuple[str, ...]) -> None:
    refused = Terminal().type(*words, "--reason", "Ada asked from (212) 555-0142")

    assert refused.exit_code == 2
    assert "leave the phone number out" in refused.output
    assert "0142" not in refused.output
