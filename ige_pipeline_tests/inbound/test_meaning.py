"""What a reply asks for, where one thing has to be told from another."""

from typing import Any

import pytest

from ige_pipeline.inbound.feeling import Indicator
from ige_pipeline.inbound.keywords import OptOut
from ige_pipeline.inbound.meaning import Heard, Help, OptIn, Reply, hear
from ige_pipeline.inbound.opt_out_source import LIFTED_BY_START, Source, source_of, weaker_than
from ige_pipeline_tests.inbound.letters import make_letter


def heard(text: str, *, suppressed_by: Source | None = None, **over: Any) -> Heard:
    return hear(make_letter(text, **over), suppressed_by=suppressed_by, our_words="Reply STOP to opt out")


@pytest.mark.parametrize("source", [None, *Source])
def test_yes_means_something_only_after_an_opt_out_by_keyword(source: Source | None) -> None:
    expected = OptIn if source is Source.KEYWORD else Reply

    assert isinstance(heard("Yes!", suppressed_by=source).meaning, expected)


@pytest.mark.parametrize("text", ["yes please", "start the job", "yes, stop by", "info is on the way", "help me"])
def test_a_keyword_that_is_not_the_whole_message_is_none(text: str) -> None:
    assert isinstance(heard(text, suppressed_by=Source.KEYWORD).meaning, Reply)


def test_what_the_provider_recognised_counts_where_we_know_no_word_of_it() -> None:
    assert isinstance(heard("Genug", opt_out_type="STOP").meaning, OptOut)
    assert isinstance(heard("Los", opt_out_type="START").meaning, OptIn)
    assert isinstance(heard("Hilfe", opt_out_type="HELP").meaning, Help)
    assert isinstance(heard("STOP", opt_out_type="HELP").meaning, OptOut), "in doubt it is an opt-out"


def test_who_complains_and_opts_out_does_both() -> None:
    found = heard("This is spam. STOP")

    assert isinstance(found.meaning, OptOut)
    assert (found.complaint, found.indicator) == (True, Indicator.NEGATIVE_FEEDBACK)


def test_an_opt_out_at_either_end_of_a_text_that_no_phone_wrote_is_heard() -> None:
    filling = "la " * 20_000

    assert isinstance(heard(f"Please stop. {filling}").meaning, OptOut)
    assert isinstance(heard(f"{filling}. Please stop.").meaning, OptOut)
    assert isinstance(heard(filling).meaning, Reply)


def test_that_the_middle_of_a_text_was_not_read_is_told() -> None:
    assert heard("la " * 1_000 + "STOP TEXTING ME " + "la " * 1_000).cut
    assert not heard("la " * 500).cut


@pytest.mark.parametrize("source", [None, *Source])
def test_yes_from_whoever_gets_nothing_is_shown_to_a_person(source: Source | None) -> None:
    assert heard("YES", suppressed_by=source).wants_again is (source is not None)


@pytest.mark.parametrize(
    "text", ["why did you stop texting me", "did I opt out by accident?", "oops, didn't mean STOP"]
)
def test_who_asks_why_nothing_comes_seems_to_want_texts(text: str) -> None:
    assert heard(text, suppressed_by=Source.WORDS).wants_again


def test_what_was_said_at_the_provider_takes_no_keyword_away() -> None:
    assert Source.KEYWORD not in weaker_than(Source.PROVIDER)
    assert Source.PROVIDER in weaker_than(Source.KEYWORD)


def test_what_somebody_else_wrote_into_the_table_is_by_hand_and_start_does_not_lift_it() -> None:
    assert source_of("import of 2024") is Source.BY_HAND
    assert Source.BY_HAND not in LIFTED_BY_START
    assert Source.UNREACHABLE not in LIFTED_BY_START
