"""Who wants no more texts, and who only says a word that looks like it."""

import os
import tomllib
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ige_pipeline.inbound.keywords import KEYWORDS
from ige_pipeline.inbound.opting_out import opting_out
from ige_pipeline.inbound.plain_words import one_slip, whole

EXAMPLES = settings(max_examples=int(os.environ.get("IGE_TEST_EXAMPLES", "40")), deadline=None, derandomize=True)
OURS = "Reply STOP to opt out"

SAID = tomllib.loads(Path(__file__).with_name("said.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", SAID["written"])
def test_a_keyword_is_one_in_any_case_and_punctuation(text: str) -> None:
    found = opting_out(text, our_words=OURS)

    assert found is not None
    assert (found.keyword, found.doubtful) == (True, False)


@pytest.mark.parametrize("text", SAID["asked"])
def test_who_asks_for_it_in_their_own_words_is_understood(text: str) -> None:
    assert opting_out(text, our_words=OURS) is not None


@pytest.mark.parametrize("text", SAID["asked_otherwise"])
def test_who_asks_for_it_in_words_that_nobody_thought_of_is_understood(text: str) -> None:
    assert opting_out(text, our_words=OURS) is not None


@pytest.mark.parametrize("text", SAID["opposite"])
def test_who_says_the_opposite_is_not_opted_out(text: str) -> None:
    assert opting_out(text, our_words=OURS) is None


@pytest.mark.parametrize("text", SAID["at_most_doubtful"])
def test_who_may_mean_their_own_business_is_never_opted_out_without_a_person_who_looks(text: str) -> None:
    found = opting_out(text, our_words=OURS)

    assert found is None or found.doubtful


@pytest.mark.parametrize(
    "around", ["Don't {}", "never {}", "please do not {}", "I will not {}", "why did you {}?", "Joe says {}"]
)
@pytest.mark.parametrize(
    "asked",
    [
        "stop texting me",
        "take me off this list",
        "remove my number",
        "delete me",
        "unsubscribe me",
        "cancel these texts",
    ],
)
def test_no_sentence_that_says_it_is_certain_behind_a_no_or_in_a_question(around: str, asked: str) -> None:
    found = opting_out(around.format(asked), our_words=OURS)

    assert found is None or found.doubtful


@pytest.mark.parametrize("text", ["Cancel, Monday", "End\nToday", "Remove, Sink", "TD\nBob"])
def test_a_word_that_counts_only_as_the_whole_message_is_no_keyword_beside_another(text: str) -> None:
    found = opting_out(text, our_words=OURS)

    assert found is not None
    assert (found.keyword, found.doubtful) == (False, True)


@pytest.mark.parametrize("text", SAID["not_asked"])
def test_who_only_uses_such_a_word_is_not_opted_out(text: str) -> None:
    assert opting_out(text, our_words=OURS) is None


@pytest.mark.parametrize(
    "text",
    [
        *("wrong number", "cancle", "🛑", "how do I unsubscribe?", "I told Bob to stop", "alto", "don't call me yet"),
        *("I'll stop today", "Can I stop now?", "I quit", "take me off the Smith job", "Don't text me, call me"),
        *("TD\nBob", "Cancel pls", "стоп", "I can't unsubscribe", "stop calling them", "I don't need these texts"),
        *("they don't want messages", "cancel the text to the client", "we end texts at 5", "I do not consent"),
        *("I'm blocking you", "wrong nr", "cancel all", "You're blocked", "f*** off", "🖕", "중지"),
        *("Not interested thanks", "No thank you, not interested", "No more pls", "Enough!!", "turn these off", "halt"),
        *("I don't want these", "I dont want to receive these", "remove from your text list", "off the list please"),
        *("How do I opt out of the union plan", "You don't have my permission", "abmelden", "やめて", "إيقاف"),
    ],
)
def test_in_doubt_it_is_one_that_a_person_should_look_at(text: str) -> None:
    found = opting_out(text, our_words=OURS)

    assert found is not None
    assert found.doubtful


@pytest.mark.parametrize(
    "text",
    [
        *("please stop", "stpo", "take me off this list", "don't text me", "Can you stop texting me?", "remove me"),
        *(
            "Please stop texting me",
            "do not contact me again",
            "I don't want these texts anymore",
            "no more texts please",
        ),
    ],
)
def test_what_is_plain_needs_nobody_to_look(text: str) -> None:
    found = opting_out(text, our_words=OURS)

    assert found is not None
    assert (found.keyword, found.doubtful) == (False, False)


CASES = st.tuples(st.sampled_from(sorted(KEYWORDS)), st.lists(st.booleans(), min_size=12, max_size=12))
AROUND = st.text(" \t\n.,!?-_*\"'()[]~…\u200b\u00a0\ufe0f\u2060🛑", max_size=5)
ALIKE = {"a": "аａ", "e": "еｅ", "o": "оοｏ", "p": "рρ", "c": "сｃ", "s": "ѕｓ", "t": "тτ", "i": "іı", "u": "υｕ"}  # noqa: RUF001


@EXAMPLES
@given(CASES, AROUND, AROUND, st.sampled_from(["", " ", ".", "-", "\u200b", "\u0301"]))
def test_every_keyword_is_one_however_it_is_typed(
    case: tuple[str, list[bool]], before: str, after: str, between: str
) -> None:
    word, upper = case
    typed = between.join(char.upper() if up else char for char, up in zip(word, upper, strict=False))

    found = opting_out(before + typed + after, our_words=OURS)

    assert found is not None
    assert found.keyword


BELOW = [
    *("\n\nSent from my iPhone", "\nGet Outlook for Android", "\n--\nBob Smith\nSmith Roofing"),
    *("\nBob", "\n- Bob Smith", " - Bob", ", Bob", " please"),
]


@EXAMPLES
@given(CASES, st.sampled_from(["", ".", "!", " "]), st.sampled_from(BELOW))
def test_every_keyword_is_heard_whatever_is_signed_below(case: tuple[str, list[bool]], after: str, below: str) -> None:
    word, upper = case
    typed = "".join(char.upper() if up else char for char, up in zip(word, upper, strict=False))

    assert opting_out(typed + after + below, our_words=OURS) is not None


@EXAMPLES
@given(st.sampled_from(sorted(KEYWORDS)), st.data())
def test_every_keyword_is_one_in_letters_that_look_alike(word: str, data: st.DataObject) -> None:
    typed = "".join(data.draw(st.sampled_from(char + ALIKE.get(char, ""))) for char in word)

    found = opting_out(unicodedata.normalize("NFC", typed), our_words=OURS)

    assert found is not None
    assert found.keyword


@EXAMPLES
@given(st.text(max_size=300))
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    opting_out(text, our_words=OURS)


@EXAMPLES
@given(st.sampled_from(["stop", "unsubscribe", "optout"]), st.integers(0, 10), st.sampled_from("xqz"))
def test_one_slip_of_the_finger_is_known_as_one(word: str, place: int, letter: str) -> None:
    at = place % len(word)

    assert one_slip(word[:at] + word[at + 1 :], word)
    assert one_slip(word[:at] + letter + word[at:], word)
    assert one_slip(word[:at] + letter + word[at + 1 :], word)
    assert not one_slip(word, word)


def test_only_letters_make_the_whole_of_a_text() -> None:
    assert whole("5 0 1") == "501"
    assert whole("¡S-T-O-P!") == "stop"
