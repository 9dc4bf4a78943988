"""`ige templates`: the texts that are sent without a model, to look at and to check after a change."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ige_pipeline.cli.output import as_json, say, table
from ige_pipeline.cli.run import json_option
from ige_pipeline.environment import Environment
from ige_pipeline.generation import template
from ige_pipeline.generation.variants import EXAMPLE, Templates, Variant
from ige_pipeline.refusal import Refusal

place_argument = click.argument("place", required=False, default="")
file_option = click.option("--file", type=click.Path(path_type=Path), help="This file, not the one of the settings.")


@click.group()
def templates() -> None:
    """Look at the templates; check a file of them. The setting `templates_file` names your own."""


@templates.command(name="list")
@place_argument
@file_option
@json_option
def list_templates(place: str, file: Path | None, *, json_wanted: bool) -> None:
    """Show the texts as they stand in the file: all, or those of a PLACE (check_in, check_in/casual)."""
    found = [{"place": variant.place, "text": variant.text} for variant in _at(place, _read(file))]
    _show("Templates", found, json_wanted=json_wanted)


@templates.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(file: Path | None) -> None:
    """Check a FILE of templates, or the one in force: each text is filled in and judged like one that is sent.

    Exits with 1 when something is wrong and names every place.
    """
    from ige_pipeline.safeguards.template_review import problems  # noqa: PLC0415 - the others need no model of languages

    settings = Environment.of_process().settings()
    path = file or template.file_of(settings)
    found = template.read(path)
    wrong = problems(found, settings)
    for problem in wrong:
        say(problem)
    say(f"{path}: {len(found.variants)} texts, " + (f"{len(wrong)} problems" if wrong else "good"))
    click.get_current_context().exit(1 if wrong else 0)


@templates.command()
@place_argument
@file_option
@json_option
def preview(place: str, file: Path | None, *, json_wanted: bool) -> None:
    """Show the texts with made-up values in them, and how many characters and SMS segments each takes."""
    from ige_pipeline.generation import segments  # noqa: PLC0415 - as above

    read = _read(file)
    filled = {
        variant.place: segments.downgrade(template.filled(variant, read, EXAMPLE)) for variant in _at(place, read)
    }
    found = [
        {"place": at, "text": text, "characters": len(text), "segments": segments.count(text)}
        for at, text in filled.items()
    ]
    _show("Templates, filled in", found, json_wanted=json_wanted)


def _read(file: Path | None) -> Templates:
    settings = Environment.of_process().settings()
    return template.load(file or template.file_of(settings))


def _at(place: str, read: Templates) -> Iterator[Variant]:
    wanted = place.strip("/")
    found = [each for each in read.variants if not wanted or f"{each.place}/".startswith(f"{wanted}/")]
    if not found:
        raise Refusal(f"There is no template at {wanted}: `ige templates list` shows all places.")
    yield from found


def _show(title: str, found: list[dict[str, Any]], *, json_wanted: bool) -> None:
    if json_wanted:
        as_json(found)
    else:
        table(title, found[0], (row.values() for row in found))
