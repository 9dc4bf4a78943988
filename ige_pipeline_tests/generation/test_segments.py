from hypothesis import example, given, settings
from hypothesis import strategies as st

from ige_pipeline.generation import segments

BASIC = "".join(sorted(segments._BASIC))  # noqa: SLF001 - the alphabet is what the law is about
EXTENDED = "^{}\\[~]|€"
gsm_text = st.text(st.sampled_from("abc ?\n" + EXTENDED), max_size=500)
any_text = st.text(st.sampled_from("aé€ ç😀👍中\u200d"), max_size=400)


def slow_count(text: str) -> int:
    """Lay out septets or UTF-16 bytes one after another, and start a part wherever a whole character does not fit."""
    if all(char in BASIC + EXTENDED + "\f" for char in text):
        coded, alone, each = ["xx" if char in EXTENDED + "\f" else "x" for char in text], 160, 153
    else:
        coded, alone, each = [char.encode("utf-16-be").hex() for char in text], 280, 268
    if len("".join(coded)) <= alone:
        return 1 if text else 0
    parts = [""]
    for code in coded:
        if len(parts[-1] + code) > each:
            parts.append("")
        parts[-1] += code
    return len(parts)


@settings(deadline=None)
@given(gsm_text | any_text)
@example("a" * 152 + "€" + "a" * 10)
@example("中" * 66 + "😀" + "中" * 66)
def test_counting_agrees_with_laying_out_every_unit(text: str) -> None:
    assert segments.count(text) == slow_count(text)


@settings(deadline=None)
@given(gsm_text | any_text)
def test_segments_join_to_the_text_and_each_fits_by_itself(text: str) -> None:
    parts = segments.split(text)

    assert "".join(parts) == text
    assert all(segments.count(part) == 1 for part in parts)


def test_the_alphabet_is_the_128_of_the_standard_without_the_escape() -> None:
    assert len(BASIC) == 127
    assert not set(BASIC) & set(EXTENDED)


def test_the_limits_are_those_of_the_standard() -> None:
    counts = {length: segments.count("a" * length) for length in (0, 1, 160, 161, 306, 307)}
    unicode_counts = {length: segments.count("中" * length) for length in (70, 71, 134, 135)}

    assert counts == {0: 0, 1: 1, 160: 1, 161: 2, 306: 2, 307: 3}
    assert unicode_counts == {70: 1, 71: 2, 134: 2, 135: 3}


def test_an_extended_character_takes_two_and_is_not_parted() -> None:
    assert segments.count("€" * 80) == 1
    assert segments.count("€" * 81) == 2
    assert segments.split("a" * 152 + "€" + "a" * 151)[0] == "a" * 152


def test_a_surrogate_pair_is_not_parted() -> None:
    assert segments.count("😀" * 35) == 1
    assert segments.split("中" * 66 + "😀" + "中" * 4)[0] == "中" * 66


def test_typographic_marks_become_plain_and_halve_the_cost() -> None:
    fancy = "Hi Dana \u2014 it\u2019s \u201cdone\u201d\u2026 9\u201310\u00a0am"

    assert segments.downgrade(fancy) == 'Hi Dana - it\'s "done"... 9-10 am'
    assert segments.is_gsm7(segments.downgrade(fancy))


@settings(deadline=None)
@given(st.text(max_size=200))
def test_downgrading_twice_changes_nothing_more(text: str) -> None:
    once = segments.downgrade(text)

    assert segments.downgrade(once) == once
