"""What a contractor must not learn: the goal behind a text, how they are seen, and what the model was told."""

from collections.abc import Mapping

import pytest

from ige_pipeline.generation import prompt, tone
from ige_pipeline.generation.draft import Brief, Draft
from ige_pipeline.safeguards.review import Standard
from ige_pipeline.settings import Settings

FACTS = {"goal": "Win two commercial contracts", "pattern": "slow after the first month", "item": "Call the suppliers"}


def reasons(text: str, facts: Mapping[str, str] = FACTS) -> set[str]:
    brief = Brief(1, 2, "stalled_goal", "check_in", "Ada", "Vega Roofing", facts, reason="because")
    found = Standard(Settings()).objections(Draft(text, "because", "model:m"), brief)
    return {str(each.reason) for each in found}


@pytest.mark.parametrize(
    "text",
    [
        "Hi Ada, how will you win two commercial contracts?",
        "Hi Ada, things got slow after-the first month. How are the suppliers?",
    ],
)
def test_the_hidden_goal_is_not_said(text: str) -> None:
    assert reasons(text) == {"background_told"}


def test_words_of_the_goal_may_be_said_where_an_open_fact_has_them() -> None:
    assert reasons("Hi Ada, did you win two commercial contracts yet?", FACTS | {"item": FACTS["goal"]}) == set()
    assert reasons("Hi Ada, did you call the suppliers? Two commercial ones are left.") == set()


@pytest.mark.parametrize(
    "text",
    [
        "Hi Ada, your goal is a bigger yard. How are the suppliers?",
        "Hi Ada, we flagged you as somebody to write to about the suppliers.",
        "Hi Ada, you are a stalled contractor. How are the suppliers?",
        "Hi Ada, you have low trust in us. How are the suppliers?",
        "Hi Ada, we track your score. How are the suppliers?",
        "Hi Ada, there is room for it: who writes and how to opt out is put behind your text.",
        *(f"Hi Ada, {tone.towards(trust)}" for trust in (None, 90, 70, 50, 10)),
    ],
)
def test_neither_how_they_are_seen_nor_what_the_model_was_told_is_said(text: str) -> None:
    assert "inner_workings" in reasons(text)


def test_an_example_of_the_instructions_is_not_sent_under_another_name() -> None:
    examples = [line for line in prompt.instructions().split("EXAMPLES")[1].splitlines() if line.startswith("Hi ")]

    assert len(examples) >= 7
    assert all("inner_workings" in reasons(line.replace("Dana", "Ada")) for line in examples)
    assert reasons("Hi Ada, did you get through to the suppliers? If not, tell me where it stops.") == set()
