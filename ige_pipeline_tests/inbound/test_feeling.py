"""What a reply tells of somebody's trust: by rules that would rather know nothing than something wrong."""

import pytest

from ige_pipeline.inbound.feeling import IMPACT, Indicator, is_complaint, told


@pytest.mark.parametrize(
    ("text", "indicator"),
    [
        ("Thanks, that was helpful!", Indicator.POSITIVE_FEEDBACK),
        ("sounds good", Indicator.POSITIVE_FEEDBACK),
        ("No problem, thanks", Indicator.POSITIVE_FEEDBACK),
        ("👍", Indicator.POSITIVE_FEEDBACK),
        ("Loved “Great job on the bid! Reply STOP to opt out”", Indicator.POSITIVE_FEEDBACK),
        ("Done!", Indicator.ACTED_ON_SUGGESTION),
        ("I called them yesterday", Indicator.ACTED_ON_SUGGESTION),
        ("We finally sent the bid, thanks", Indicator.ACTED_ON_SUGGESTION),
        ("We won the contract!!", Indicator.MILESTONE_ACHIEVED),
        ("passed the inspection", Indicator.MILESTONE_ACHIEVED),
        ("The deal fell through", Indicator.SETBACK_SHARED),
        ("we lost the bid", Indicator.SETBACK_SHARED),
        ("Honestly I'm struggling this month", Indicator.SHARED_VULNERABILITY),
        ("Can you help me with the estimate?", Indicator.ASKED_FOR_HELP),
        ("how do i price this", Indicator.ASKED_FOR_HELP),
        ("That was useless", Indicator.NEGATIVE_FEEDBACK),
        ("not helpful", Indicator.NEGATIVE_FEEDBACK),
        ("Disliked “How is it going?”", Indicator.NEGATIVE_FEEDBACK),
        ("This is spam", Indicator.NEGATIVE_FEEDBACK),
    ],
)
def test_a_rule_says_what_was_told(text: str, indicator: Indicator) -> None:
    assert told(text) is indicator


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "ok",
        "Tuesday\nSent from my iPhone",
        "The supplier is on Main St",
        "not done yet",
        "thanks but this was useless",
        "I didn't send it",
        "Questioned “How is it going?”",
        "we did not get it done",
        "42",
        "maybe",
    ],
)
def test_what_no_rule_knows_stays_unknown(text: str) -> None:
    assert told(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "This is spam",
        "You guys are annoying",
        "This is harassment",
        "I'm going to report you",
        "too many texts",
        "tired of your texts",
        "Wasting my time with this",
        "These texts are really annoying",
        "this is a waste of my time",
        "annoying",
        "I'll sue",
        "stop harassing me",
        "I am sick of these constant messages",
    ],
)
def test_a_complaint_is_about_us(text: str) -> None:
    assert is_complaint(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "not spam, I like it",
            "The job is going badly",
            "The customer complained",
            "useless",
            "Loved “no spam here”",
        ),
        *("The inspector was annoying", "tired of the rain", "client is wasting my time", "it went to my spam folder"),
        *("the neighbor will file a complaint", "sick of the weather", "the dust is a nuisance to the client"),
        *("This inspector is annoying", "this annoying client called again"),
    ],
)
def test_what_is_about_something_else_is_no_complaint(text: str) -> None:
    assert not is_complaint(text)


@pytest.mark.parametrize(
    "text",
    [
        *("I'd appreciate it if you stopped texting me", "would appreciate if you took me off", "done with this"),
        *("I would really appreciate a call before noon", "I'm done with you", "great if you could stop"),
    ],
)
def test_who_asks_politely_is_not_taken_for_pleased(text: str) -> None:
    assert told(text) is None


def test_who_thanks_us_is() -> None:
    assert told("Much appreciated") is Indicator.POSITIVE_FEEDBACK
    assert told("I really appreciate this") is Indicator.POSITIVE_FEEDBACK
    assert told("done with the roof") is Indicator.ACTED_ON_SUGGESTION


def test_the_impacts_are_those_of_the_design() -> None:
    assert {str(indicator): impact for indicator, impact in IMPACT.items()} == {
        "positive_feedback": 5,
        "acted_on_suggestion": 8,
        "milestone_achieved": 10,
        "shared_vulnerability": 7,
        "asked_for_help": 6,
        "setback_shared": 4,
        "negative_feedback": -5,
        "ignored_suggestion": -2,
    }
