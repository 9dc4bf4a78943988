from hypothesis import given
from hypothesis import strategies as st

from ige_pipeline.safeguards.likeness import likeness

TEXTS = st.text(max_size=60) | st.lists(st.sampled_from(["so", "it", "goes", "on"]), max_size=12).map(" ".join)
ONE = "Hi Maria, this is still open: upload the insurance certificate. Anything getting in the way?"


@given(TEXTS, TEXTS)
def test_likeness_is_symmetric_and_a_share(one: str, other: str) -> None:
    assert likeness(one, other) == likeness(other, one)
    assert 0 <= likeness(one, other) <= 1


@given(TEXTS)
def test_a_text_is_wholly_like_itself_whatever_its_capitals_and_spaces(text: str) -> None:
    assert likeness(text, text) == 1
    assert likeness(text.casefold(), f"  {text.casefold()}\n") == 1


def test_texts_without_a_word_in_common_are_not_alike() -> None:
    assert likeness("one two three", "four five six") == 0


def test_the_same_words_in_another_order_are_not_the_same() -> None:
    assert likeness("the roof then the wall", "the wall then the roof") < 1


def test_a_few_other_words_leave_a_text_nearly_the_same_and_another_item_does_not() -> None:
    assert likeness(ONE, ONE.replace("Anything", "Is anything").replace("Hi Maria", "Hey Maria")) >= 0.6
    assert 0.4 < likeness(ONE, ONE.replace("upload the insurance certificate", "call the two suppliers")) < 0.6
    assert likeness(ONE, "Hi Maria, how are you getting on with this: upload the insurance certificate?") < 0.4
