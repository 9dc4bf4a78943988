"""How much of a reply is read, whatever it is made of."""

import unicodedata

import pytest

from ige_pipeline.inbound.reach import as_far_as_read

MOST = 4_001


@pytest.mark.parametrize(
    "text",
    [
        *("ok" + "\n" * 60_000 + "ok", "ok" + " " * 60_000 + "ok", "ok" + "\n \t" * 20_000 + "ok", "\u2028" * 60_000),
        *("\ufdfa" * 20_000, "\ufdfa" * 4_000, "a" * 60_000, "la la\n" * 10_000, "\u0301" * 60_000, "\r\n" * 30_000),
    ],
    ids=["lines", "blanks", "both", "separators", "spread", "spread_little", "one_word", "words", "marks", "crlf"],
)
def test_no_text_makes_more_work_than_a_long_one(text: str) -> None:
    read, _ = as_far_as_read(text)

    assert len(unicodedata.normalize("NFKD", read)) <= MOST
    assert "\n\n\n" not in read
    assert "  " not in read


def test_twice_the_empty_lines_are_no_more_to_read() -> None:
    assert as_far_as_read("ok" + "\n" * 1_000 + "ok") == as_far_as_read("ok" + "\n" * 2_000 + "ok")


def test_what_is_left_out_is_told() -> None:
    assert as_far_as_read("a " * 1_500 + "b" + " a" * 1_500)[1]
    assert not as_far_as_read("short,\n\nand in two parts")[1]
    assert as_far_as_read("short,\n\n\n\nand  in two parts")[0] == "short,\n\nand in two parts"
