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


def test_a_stop_that_is_no_opt_out_does_not_count_as_one() -> None:
    assert ACME.tail("Did the crane stop? Send the photos.").endswith("Reply STOP to opt out")


@given(st.text(max_size=80), st.sampled_from([ACME, UNNAMED]))
def test_what_was_put_behind_a_text_can_be_taken_off_again(text: str, notice: Notice) -> None:
    whole = text + notice.tail(text)

    assert notice.tail(whole) == ""
    if notice.tail(text).endswith(notice.opt_out):
        assert notice.without(whole) in {text, f"{text}."}


def test_the_room_kept_for_it_is_enough_for_the_longest_name() -> None:
    longest = Notice("x" * 40, Settings().opt_out_text)

    assert len(longest.tail("How is it going")) <= ROOM
