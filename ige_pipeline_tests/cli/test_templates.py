"""`ige templates`: what somebody who edits the texts sees."""

from pathlib import Path

import pytest

from ige_pipeline.generation.template import BUILT_IN
from ige_pipeline_tests.cli.terminal import Terminal

GOOD = BUILT_IN.read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_built_in_texts_are_good() -> None:
    result = Terminal().type("templates", "check")

    assert (result.exit_code, "texts, good" in result.stdout) == (0, True)


def test_every_problem_of_a_file_is_named_with_its_place() -> None:
    text = "{greeting} how's work treating you?"
    assert GOOD.count(text) == 1
    Path("mine.toml").write_text(GOOD.replace(text, "{greeting} as per Roberto, www.acme.example wants 40 quotes."))

    result = Terminal().type("templates", "check", "mine.toml")

    assert result.exit_code == 1
    assert "check_in/casual/8 has a link" in result.stdout
    assert "1 problems" in result.stdout


def test_a_text_that_would_be_rejected_when_it_is_sent_is_named_before() -> None:
    Path("mine.toml").write_text(GOOD.replace("how's work treating you?", "as per Roberto, are 40 quotes fine?"))

    result = Terminal({"IGE_TEMPLATES_FILE": "mine.toml"}).type("templates", "check")

    assert result.exit_code == 1
    for reason in ("stock_phrase: as per", "untraced_name", "untraced_number"):
        assert f"check_in/casual/8 would be rejected as {reason}" in result.stdout


def test_a_place_shows_its_texts_as_they_are_and_filled_in() -> None:
    listed = Terminal().json("templates", "list", "check_in/casual")
    filled = Terminal().json("templates", "preview", "check_in/casual")

    assert len(listed) == len(filled) == 9
    assert "{item}" in listed[1]["text"]
    assert "Hey Maria" in filled[1]["text"]
    assert {row["segments"] for row in filled} == {1}
    assert all(row["characters"] == len(row["text"]) for row in filled)


def test_a_place_that_does_not_exist_is_refused() -> None:
    assert "no template at check_in/formal" in Terminal().refused("templates", "list", "check_in/formal")


def test_a_file_with_a_mistake_is_refused_where_it_would_be_used() -> None:
    Path("mine.toml").write_text(GOOD.replace("[celebration]", "[invitation]"))

    assert "[invitation]" in Terminal({"IGE_TEMPLATES_FILE": "mine.toml"}).refused("templates", "list")
