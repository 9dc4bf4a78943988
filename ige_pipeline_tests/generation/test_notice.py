import pytest
from hypothesis import given
from hypothesis import strategies as st

from ige_pipeline.generation.notice import ROOM, Notice
from ige_pipeline.settings import Settings

ACME = Notice("Acme Concierge", "Reply STOP to opt out")
UNNAMED = Notice("", "Reply STOP to opt out")


@pytest.mark.parametrize(
    ("notice", "text", "whole"),
    [
        (ACME, "How is it going?", "How is it going? - Acme Concierge. Reply STOP to opt out"),
        (UNNAMED, "How is it going?", "How is it going? Reply STOP to opt out"),
        (UNNAMED, "Keep going", "Keep going. Reply STOP to opt out"),
        (ACME, "Acme concierge here. Going well?", "Acme concierge here. Going well? Reply STOP to opt out"),
        (ACME, "See you. Text STOP to end", "See you. Text STOP to end - Acme Concierge"),
        (ACME, 'Acme Concierge: see you. Reply "stop" to end', 'Acme Concierge: see you. Reply "stop" to end'),
    ],
)
def test_a_text_says_who_writes_and_how_to_opt_out_once(notice: Notice, text: str, whole: str) -> None:
    assert text + notice.tail(text) == whole
    assert notice.tail(whole) == ""


@pytest.mark.parametrize(
    "text",
    [
        "Did the crane stop? Send the photos.",
        "Did you send the STOP signs to the city?",
        "Ready for this: send STOP sign quote?",
        "Still open: reply STOP to opt out. Want to do it together?",
        "You said: Text STOP to end. Shall we look?",
        "Send STOP signs to the city. All well?",
        "Non-reply STOP to opt outs are rare.",
    ],
)
def test_a_stop_that_is_no_opt_out_does_not_count_as_one(text: str) -> None:
    given = ["Reply STOP to opt out", "Text STOP to end.", "Send STOP sign quote"]

    assert not ACME.says_how(text, given)
    assert ACME.tail(text, given).endswith("Reply STOP to opt out")
    assert ACME.says_how(text + ACME.tail(text, given), given[1:])


@pytest.mark.parametrize(
    ("sender", "text"),
    [
        ("Ace", "How is the new workplace sign?"),
        ("Sam", "Is it the same as before?"),
        ("Acme", "How is it going at Acme Roofing?"),
        ("Acme", "How is it going at ACME roofing?"),
    ],
)
def test_only_the_sender_s_whole_name_outside_the_contractor_s_own_facts_says_who_writes(
    sender: str, text: str
) -> None:
    notice = Notice(sender, "Reply STOP to opt out")

    assert notice.tail(text, ["Acme Roofing"]) == f" - {sender}. Reply STOP to opt out"
    assert notice.tail(f"{sender} here. {text}", ["Acme Roofing"]) == " Reply STOP to opt out"


def test_a_typographic_name_is_said_once_after_an_edit_too() -> None:
    notice = Notice("Joe\u2019s  Concierge", "Reply \u201cSTOP\u201d to opt out")
    sent = "How is it going?" + notice.tail("How is it going?")

    assert sent == 'How is it going? - Joe\'s Concierge. Reply "STOP" to opt out'
    assert notice.without(sent) == "How is it going?"


@given(st.text(max_size=80), st.sampled_from([ACME, UNNAMED]))
def test_what_was_put_behind_a_text_can_be_taken_off_again(text: str, notice: Notice) -> None:
    whole = text + notice.tail(text)

    assert notice.tail(whole) == ""
    if notice.tail(text).endswith(notice.opt_out):
        assert notice.without(whole) in {text, f"{text}."}


def test_the_room_kept_for_it_is_enough_for_the_longest_name() -> None:
    longest = Notice("x" * 40, Settings().opt_out_text)

    assert len(longest.tail("How is it going")) <= ROOM
