"""`ige eval` over the templates and over a server that speaks OpenAI's protocol and plays faults."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Reply
from llmock.testing import LLMockServer

from ige_pipeline.evaluation.situation import situations
from ige_pipeline.generation import prompt
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.generation.model_server import answer

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"
# About nobody in particular, so that it fits everywhere but for the greeting.
FIT = answer("Hi there, how is the next step coming along for you? Tell me if something is in the way.")
WITH_A_LINK = answer("Hi there, have a look at http://example.com and tell me what you think of it.")


@pytest.fixture(scope="module")
def running() -> Iterator[LLMockServer]:
    with LLMockServer() as server:
        yield server


@pytest.fixture
def model(running: LLMockServer) -> LLMock:
    return LLMock(running).reset()


@pytest.fixture
def terminal(model: LLMock) -> Terminal:
    return Terminal(
        {
            "OPENAI_API_KEY": "sk-nobody",
            "OPENAI_BASE_URL": model.base_url(),
            "IGE_OPENAI_MODEL": "local",
            "IGE_MODEL_PRICES": "1/0.5/6",
            "IGE_MODEL_REQUESTS_PER_MINUTE": "0",
            "IGE_MODEL_TOKENS_PER_MINUTE": "0",
            "IGE_MODEL_CONCURRENCY": "10",
        }
    )


def evaluated(terminal: Terminal, *words: str, exit_code: int = 1) -> dict[str, Any]:
    """Evaluate the course corrections, of which there are eight; our texts greet nobody, so they are not all fit."""
    found: dict[str, Any] = terminal.json("eval", "--type", "course_correction", *words, exit_code=exit_code)
    return found


def why_no_text(found: dict[str, Any], writer: int = 0) -> list[str]:
    return sorted(each["why_no_text"] for each in found["writers"][writer]["texts"] if each["why_no_text"])


def test_the_figures_of_the_templates_are_those_in_the_docs() -> None:
    found = Terminal().json("eval", "--writer", "templates")

    (templates,) = found["writers"]
    told = dict(re.findall(r"^\| `?([a-z_ ]+)`? \| ([\d.]+)% \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    rates = templates["checks"] | {"every check": templates["fit"]}
    assert told == {name: f"{rate * 100:.1f}" for name, rate in rates.items()}
    assert f"set {found['version']}, {found['situations']} situations" in PAGE.read_text(encoding="utf-8")
    assert templates["ways"]["nothing"] == 0
    assert [each["situation"] for each in templates["texts"] if each["sent_failed"]] == []


def test_a_whole_set_is_written_by_the_model_and_set_against_the_templates(terminal: Terminal, model: LLMock) -> None:
    model.reply(FIT, times=None)

    result = terminal.type("eval", "--against", "templates", "--examples", "3")

    assert result.exit_code == 1
    assert f"local, {prompt.NEWEST}" in result.stdout
    assert "templates" in result.stdout
    assert "not_greeted" in result.stdout
    assert len(model.requests) == len(situations())


def test_two_versions_of_the_prompt_are_set_side_by_side(terminal: Terminal, model: LLMock) -> None:
    model.reply(FIT, times=None)

    found = evaluated(terminal, "--writer", "concierge-1", "--against", "concierge-2")

    assert [each["writer"] for each in found["writers"]] == ["local, concierge-1", "local, concierge-2"]
    asked = [json.dumps(each.body, ensure_ascii=False) for each in model.requests]
    assert ["TONE: " in each for each in asked] == [False] * 8 + [True] * 8


def test_two_models_are_set_side_by_side(terminal: Terminal, model: LLMock) -> None:
    model.reply(FIT, times=None)

    found = evaluated(terminal, "--against", "another")

    assert [each["writer"] for each in found["writers"]] == [f"local, {prompt.NEWEST}", f"another, {prompt.NEWEST}"]
    assert {each.model for each in model.requests} == {"local", "another"}


def test_the_exit_code_says_whether_it_is_good_enough(terminal: Terminal, model: LLMock) -> None:
    model.reply(FIT, times=None)

    assert evaluated(terminal, "--at-least", "0.1", exit_code=0)["writers"][0]["fit"] < 0.95
    evaluated(terminal, "--at-least", "0.1", "--against", "templates", exit_code=1)


def test_a_rejected_text_is_asked_for_once_more(terminal: Terminal, model: LLMock) -> None:
    model.reply(WITH_A_LINK, times=8).reply(FIT, times=None)

    (writer,) = evaluated(terminal)["writers"]

    assert writer["checks"]["link"] == 0
    assert writer["ways"] == {"first": 0, "second": 8, "template": 0, "nothing": 0}
    assert float(writer["cost_usd"]) > 0


def test_429_with_retry_after_is_waited_for_and_asked_again(terminal: Terminal, model: LLMock) -> None:
    model.rate_limit(times=3, retry_after=0.2).reply(FIT, times=None)

    assert why_no_text(evaluated(terminal)) == []
    assert len(model.requests) == 8 + 3
    model.assert_resilient()


def test_500_is_asked_again(terminal: Terminal, model: LLMock) -> None:
    model.fail(500, times=2).reply(FIT, times=None)

    assert why_no_text(evaluated(terminal)) == []
    assert len(model.requests) == 8 + 2


def test_how_often_it_is_asked_again_is_a_setting(terminal: Terminal, model: LLMock) -> None:
    model.fail(500, times=2).reply(FIT, times=None)

    assert why_no_text(evaluated(terminal, "--set", "model_retries=0")) == ["model_http_500"] * 2


def test_after_401_nothing_more_is_asked(terminal: Terminal, model: LLMock) -> None:
    model.fail(401, times=None)

    found = evaluated(terminal, "--set", "model_concurrency=2")

    assert why_no_text(found) == ["model_http_401"] * 8
    assert found["writers"][0]["ways"] == {"first": 0, "second": 0, "template": 8, "nothing": 0}
    assert len(model.requests) == 2


def test_a_time_out_is_asked_again(terminal: Terminal, model: LLMock) -> None:
    model.delay(2, times=1).reply(FIT, times=None)

    assert why_no_text(evaluated(terminal, "--set", "model_timeout_seconds=1")) == []
    assert len(model.requests) == 8 + 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Reply(text=FIT[:40], finish_reason="length"), "model_cut_off"),
        (Reply(text=FIT[:40]), "model_malformed_answer"),
        (Reply(text="", finish_reason="content_filter"), "model_refused"),
    ],
    ids=["truncated", "malformed JSON", "refused"],
)
def test_an_answer_that_cannot_be_used_is_no_text_and_a_template_goes(
    terminal: Terminal, model: LLMock, fault: Reply, reason: str
) -> None:
    model.add(fault).reply(FIT, times=None)

    found = evaluated(terminal)

    assert why_no_text(found) == [reason]
    assert found["writers"][0]["ways"]["template"] == 1


def test_a_spend_limit_ends_an_evaluation_cleanly(terminal: Terminal, model: LLMock) -> None:
    model.reply(FIT, times=None)

    found = evaluated(terminal, "--set", "model_spend_per_batch_usd=0")

    assert why_no_text(found) == ["spend_per_batch"] * 8
    assert model.requests == []


def test_two_writers_share_one_spend_limit(terminal: Terminal, model: LLMock) -> None:
    model.reply(FIT, times=None)

    found = evaluated(terminal, "--against", "another", "--set", "model_spend_per_batch_usd=0.025")

    assert set(why_no_text(found, 0)) == {"spend_per_batch"}
    assert 0 < len(why_no_text(found, 0)) < 8
    assert why_no_text(found, 1) == ["spend_per_batch"] * 8


def test_a_model_without_a_key_is_refused() -> None:
    assert "OPENAI_API_KEY is not set" in Terminal().refused("eval", "--against", "gpt-4.1")
