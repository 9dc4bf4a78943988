"""Writes docs/settings.md and ige.toml.example from `Settings`: run it after a change there.

python ige_pipeline_tests/settings_page.py
"""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ige_pipeline.settings import Settings

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "settings.md"
EXAMPLE = ROOT / "ige.toml.example"

HEADINGS = {
    "high_priority_min_score": "Who is due",
    "min_gap_hours": "Whether they may be contacted",
    "min_characters": "What the message says",
    "keep_decisions_days": "What is kept",
    "max_messages_per_run": "How it is sent",
    "opt_out_confirmation": "What comes back",
    "max_due_minutes": "What a person is told of",
}
"""Each heading stands over the setting that it names, and those that follow it in `Settings`; in this order."""

INTRODUCTION = """\
# Settings

Written from `ige_pipeline/settings/` by `python ige_pipeline_tests/settings_page.py`; a test compares the two.

A setting is looked for in four places, and the first that has it wins:

1. the run: `--set name=value` on the command line, or the resource `request` in Dagster's launchpad;
2. the environment: `IGE_` and the name in capitals, for example `IGE_MIN_GAP_HOURS=72`;
3. the settings file: `ige.toml` in the working folder, or the file that `IGE_SETTINGS` names (see `ige.toml.example`);
4. the default below.

They are read again at the start of each run: a change needs no restart where it is made in the file. A value out of
bounds, a word that is not a setting and a file that cannot be read each refuse the run with one sentence, before any
row is touched.

Addresses and secrets are not settings: they are in the environment only, see `.env.example`.
"""

EXAMPLE_HEAD = """\
# Thresholds, each with its default. Copy this file to ige.toml in the working folder and take the # away from what you
# change. Bounds and the other places where a setting may stand are in docs/settings.md.
"""


def page() -> str:
    """Return docs/settings.md."""
    lines = [INTRODUCTION]
    for heading, rows in groups():
        lines += [f"## {heading}", "", "| setting | default | allowed | what it does |", "|---|---|---|---|"]
        lines += [
            f"| `{name}` | `{_toml(about['default'])}` | {bounds(about)} | {_about(about)} |" for name, about in rows
        ]
        lines.append("")
    return "\n".join(lines)


def example() -> str:
    """Return ige.toml.example."""
    lines = [EXAMPLE_HEAD]
    for heading, rows in groups():
        lines += [f"# {heading}", ""]
        for name, about in rows:
            lines += textwrap.wrap(about["description"], 118, initial_indent="# ", subsequent_indent="# ")
            lines += [f"#{name} = {_toml(about['default'])}", ""]
    return "\n".join(lines)


def groups() -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """Yield each heading with its settings' JSON schemas, in the order of the model."""
    properties = list(Settings.model_json_schema()["properties"].items())
    starts = [place for place, (name, _) in enumerate(properties) if name in HEADINGS]
    ends = dict(zip(starts, [*starts[1:], None], strict=True))
    for start in sorted(starts, key=lambda place: list(HEADINGS).index(properties[place][0])):
        yield HEADINGS[properties[start][0]], properties[start : ends[start]]


def bounds(about: dict[str, Any]) -> str:
    """Say all that a value must be; `also` is what a validator checks and no bound says."""
    pattern = f"`{about['pattern']}`".replace("|", "\\|") if "pattern" in about else ""
    said = [*_words(about), pattern, *_figures(about), _length(about), about.get("also", "")]
    return ", ".join(each for each in said if each) or _KINDS[about["type"]]


def _words(about: dict[str, Any]) -> list[str]:
    return [f"`{word}`" for word in about.get("enum", ())]


def _figures(about: dict[str, Any]) -> list[str]:
    if "minimum" in about and "maximum" in about:
        return [f"{about['minimum']:g} to {about['maximum']:g}"]
    return [f"{word} {about[key]:g}" for key, word in _LIMITS.items() if key in about]


def _length(about: dict[str, Any]) -> str:
    if "maxLength" not in about:
        return ""
    least = f"{about['minLength']} to" if "minLength" in about else "at most"
    return f"{least} {about['maxLength']} characters"


_LIMITS = {"exclusiveMinimum": "over", "minimum": "at least", "exclusiveMaximum": "under", "maximum": "at most"}
_KINDS = {"boolean": "`true`, `false`", "string": "any words", "number": "any", "integer": "any whole number"}


def _toml(value: Any) -> str:
    """Write a value as TOML."""
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def _about(about: dict[str, Any]) -> str:
    return str(about["description"]).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    EXAMPLE.write_text(example(), encoding="utf-8")
