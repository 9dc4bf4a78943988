"""Every command explains itself, and one that nobody knows is answered with where to look."""

from collections.abc import Iterator

import click
import pytest

from ige_pipeline.cli.main import ige
from ige_pipeline_tests.cli.terminal import Terminal


def commands(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        yield (*before, name)
        if isinstance(command, click.Group):
            yield from commands(command, *before, name)


ALL = sorted(commands(ige))


@pytest.mark.parametrize("words", [(), *ALL], ids=" ".join)
def test_a_command_says_what_it_does_and_what_its_options_mean(words: tuple[str, ...]) -> None:
    result = Terminal().type(*words, "--help")

    assert result.exit_code == 0
    about = result.stdout.partition("Options:")
    assert len(about[0].strip().splitlines()) > 2, "a sentence beside the usage line"
    assert result.stderr == ""


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_option_has_a_sentence(words: tuple[str, ...]) -> None:
    command: click.Command = ige
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found
        command = found

    assert [option.name for option in command.params if isinstance(option, click.Option) and not option.help] == []


def test_the_main_page_says_what_the_exit_codes_mean() -> None:
    assert "Exit codes: 0 done, 1 something needs a look" in " ".join(Terminal().type("--help").stdout.split())


def test_the_version_is_told() -> None:
    assert "ige" in Terminal().type("--version").stdout


@pytest.mark.parametrize("words", [["fly"], ["run", "fly"], ["why"], ["why", "nobody"], ["stop"], ["status", "--fly"]])
def test_what_it_does_not_understand_is_answered_with_2_and_no_trace(words: list[str]) -> None:
    result = Terminal().type(*words)

    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ige")
    assert "Traceback" not in result.output
