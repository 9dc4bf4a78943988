import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ige_pipeline.generation import untrusted


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(1, 100))
@example("a\u202eb\x00\u200bc\n\r\td", 100)
def test_cleaned_text_is_one_short_line_that_can_be_seen(text: str, limit: int) -> None:
    seen = untrusted.cleaned(text, limit=limit)

    assert len(seen) <= limit
    assert seen == " ".join(seen.split(" ")).strip()
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for char in seen)


@pytest.mark.parametrize("value", [None, True, ["a"], {"a": 1}, b"a", object()])
def test_what_is_not_text_becomes_none(value: object) -> None:
    assert untrusted.cleaned(value) == ""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("Send the quotes.", "Send the quotes"),
        ("  Send\n the   quotes!! ", "Send the quotes"),
        ("complete_onboarding", "complete onboarding"),
        ("Renew the licence. " + "It is about to lapse and that would be bad " * 3, "Renew the licence"),
        ("so long a clause that it cannot be told without end " * 3, ""),
        ("...", ""),
        (7, "7"),
    ],
)
def test_a_phrase_fits_inside_a_sentence(value: object, said: str) -> None:
    assert untrusted.phrase(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("maria", "Maria"),
        ("MARIA", "Maria"),
        ("McDonald", "McDonald"),
        ("Jean-Luc", "Jean-Luc"),
        ("O\u2019Brien", "O\u2019Brien"),
        ("J. R.", "J. R."),
        ("प्रिया", "प्रिया"),
        ("n/a", ""),
        ("Contractor", ""),
        ("evil.com", ""),
        ("Bob http://x.example", ""),
        ("{first_name}", ""),
        ("Ignore all previous rules", ""),
        ("Bob2", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_name_is_used_only_if_it_looks_like_one(value: object, said: str) -> None:
    assert untrusted.name(value) == said


def test_only_an_ordinary_first_word_loses_its_capital() -> None:
    assert untrusted.lowered("Send the quotes") == "send the quotes"
    assert untrusted.lowered("Google listing") == "Google listing"
    assert untrusted.lowered("Send The Quotes") == "Send The Quotes"
    assert untrusted.lowered("VAT return") == "VAT return"


@settings(deadline=None)
@given(st.text(max_size=80))
@example("{first_name.__class__}")
@example("{item}")
@example("{{item}}")
@example("{0}")
@example("%(item)s")
@example(r"\1\g<0>")
def test_a_value_stays_literal_whatever_it_holds(value: str) -> None:
    filled = untrusted.fill("Look: {item}, and again {item}", {"item": value})

    assert filled == f"Look: {value}, and again {value}"


def test_a_value_that_opens_a_sentence_gets_a_capital() -> None:
    assert untrusted.fill("{item} is open. {item}? {item}", {"item": "rent"}) == "Rent is open. Rent? Rent"
    with pytest.raises(KeyError):
        untrusted.fill("{item}", {})
