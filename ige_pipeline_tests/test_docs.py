"""The documents cannot rot: what they name exists, and what exists is named."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import psycopg
import pytest
from dotenv import dotenv_values
from psycopg.rows import DictRow

from ige_pipeline import environment, secret_files
from ige_pipeline.cli.main import ige
from ige_pipeline.ledger.sentence import _REASONS
from ige_pipeline.local import up
from ige_pipeline.safeguards.quiet_rules import state_rules
from ige_pipeline.safeguards.reason import RULES, Effect, Reason
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.inspect import problems, selected
from ige_pipeline.triggers.trigger import parse
from ige_pipeline_tests import settings_page
from ige_pipeline_tests.built_in import built_in
from ige_pipeline_tests.factories import ago, make_contractor, make_goal

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
AT_SENDING = {Effect.POSTPONE: "postponed", Effect.CANCEL: "cancelled", Effect.DEAD: "dead"}


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """Return a page's code blocks in a language; those in a list are dedented."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", text(name), re.MULTILINE | re.DOTALL)
    return [block for block in found if block.strip()]


def rows(name: str) -> Iterator[list[str]]:
    """Walk over the rows of a page's tables."""
    for line in text(name).splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").replace("\\|", "/").split("|")]


def command_names() -> set[str]:
    """Return each command of `ige` with the words before it."""
    return set(_names_in(ige))


def _names_in(group: click.Group, *before: str) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _names_in(command, *before, name)
        else:
            yield " ".join((*before, name))


def test_the_page_and_the_example_of_settings_are_those_of_the_code() -> None:
    again = "run `python ige_pipeline_tests/settings_page.py`"
    assert settings_page.page() == text("docs/settings.md"), again
    assert settings_page.example() == text("ige.toml.example"), again


def test_the_example_of_settings_holds_every_default() -> None:
    uncommented = re.sub(r"^#(?=\w+ = )", "", text("ige.toml.example"), flags=re.MULTILINE)

    assert tomllib.loads(text("ige.toml.example")) == {}
    assert Settings(**tomllib.loads(uncommented)) == Settings()
    assert set(tomllib.loads(uncommented)) == set(Settings.model_fields)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_page_links_to_exists(name: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text(name))

    assert [link for link in links if not ((ROOT / name).parent / link).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_a_page_names_exists(name: str) -> None:
    typed = re.findall(
        r"(?:`|^\s*(?:\$ )?(?:\S+=\S+ )*(?:\S*/bin/)?)ige ((?:[a-z-]+)(?: [a-z]+)?)", text(name), re.MULTILINE
    )
    known = {" ".join(words.split()[:length]) for words in command_names() for length in (1, 2)}

    # The second word may be an argument, or go on with the sentence.
    assert [words for words in typed if words not in known and words.split()[0] not in command_names()] == []


def test_the_first_page_names_every_command() -> None:
    named = {" ".join(words.split()) for words in re.findall(r"`ige ([a-z][a-z -]*)", text("README.md"))}

    assert command_names() - named == set()


@pytest.mark.parametrize("name", [*NAMES, ".env.example", "ige.toml.example", ".pre-commit-config.yaml"])
def test_a_page_shows_nothing_of_this_machine(name: str) -> None:
    assert re.findall(r"/(?:home|root|tmp|work|Users)/\S*", text(name)) == []


def test_every_trigger_of_the_package_has_its_line() -> None:
    told = {row[0].strip("`"): row for row in rows("docs/triggers.md")}

    for trigger in built_in():
        assert told[trigger.name][2] == str(trigger.priority), trigger.name
        assert trigger.promised or told[trigger.name][1] == trigger.message_type, trigger.name


def test_the_example_of_a_trigger_works(conn: psycopg.Connection[DictRow]) -> None:
    (example,) = blocks("docs/triggers.md", "sql")
    trigger = parse(example, file="goal_completed.sql")
    ada = make_contractor(conn)
    make_goal(conn, ada, status="completed", completed_at=ago(hours=3))
    make_goal(conn, ada, status="completed", completed_at=ago(days=3))

    assert problems(conn, trigger, Settings()) == []
    assert [row["contractor_id"] for row in selected(conn, trigger, Settings())] == [ada]


def test_the_page_on_agreement_says_how_many_databases_are_tried() -> None:
    told, typed = text("docs/agreement.md"), re.search(r"^EXAMPLES \?= (\d+)$", text("Makefile"), re.MULTILINE)
    tried = {
        default
        for test in ("test_who_is_due.py", "test_who_may_be_contacted.py")
        for default in re.findall(r'"IGE_TEST_EXAMPLES", "(\d+)"', text(f"ige_pipeline_tests/agreement/{test}"))
    }

    (usual,), thousands = map(int, tried), int(typed[1]) if typed else 0
    assert f"`make test` tries {usual} databases of each kind ({usual // 2} for `ige why`)." in told
    assert f"`make agreement` tries {thousands:,} ({thousands // 2:,})" in told


def test_every_state_with_a_law_of_its_own_has_its_line() -> None:
    told = {row[0]: row[3] for row in rows("docs/compliance.md") if len(row) > 3}

    assert {state: told.get(state) for state in state_rules()} == {
        state: rule.statute for state, rule in state_rules().items()
    }


def test_every_test_that_the_page_on_security_names_exists() -> None:
    named = re.findall(r"`((?:\w+/)?test_\w+\.py)`", text("docs/security.md"))

    assert len(named) > 10
    assert [name for name in named if not (ROOT / "ige_pipeline_tests" / name).exists()] == []


def test_every_reason_has_its_line_and_says_what_it_does_at_sending() -> None:
    told = {word: row[2] for row in rows("docs/explain.md") if len(row) > 2 for word in re.findall(r"`(\w+)`", row[0])}

    assert {str(reason) for reason in Reason} | set(_REASONS) <= set(told)
    assert {str(reason): told[reason] for reason in RULES} == {
        str(reason): AT_SENDING[rule.at_sending] for reason, rule in RULES.items()
    }


def test_the_statements_for_an_operator_fit_the_schema(conn: psycopg.Connection[DictRow]) -> None:
    statements = [*blocks("docs/operations.md", "sql"), *blocks("docs/explain.md", "sql")]

    assert len(statements) > 1
    for statement in statements:
        conn.execute(statement.encode())


def test_the_example_of_an_environment_names_what_is_read_and_sets_nothing() -> None:
    code = "".join(Path(str(each.__file__)).read_text(encoding="utf-8") for each in (environment, up, secret_files))
    read = set(re.findall(r'"((?:IGE|N8N|OPENAI|DAGSTER)_[A-Z0-9_]+)"', code))
    read |= secret_files.FILES
    named = set(re.findall(r"^#([A-Z0-9_]+)=", text(".env.example"), re.MULTILINE))

    assert read - named == set()
    assert dotenv_values(ROOT / ".env.example") == {}


def test_every_variable_of_the_example_is_read_somewhere() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "ige_pipeline").rglob("*.py"))
    named = set(re.findall(r"^#([A-Z0-9_]+)=", text(".env.example"), re.MULTILINE)) - secret_files.FILES
    settings = {f"IGE_{name.upper()}" for name in Settings.model_fields}

    assert {name for name in named - settings if f'"{name}"' not in code} == set()


def test_every_variable_that_a_page_names_is_read_or_a_setting() -> None:
    known = set(re.findall(r"^#([A-Z0-9_]+)=", text(".env.example"), re.MULTILINE))
    known |= {f"IGE_{name.upper()}" for name in Settings.model_fields}
    known |= {
        "N8N_CONCURRENCY_PRODUCTION_LIMIT",
        "N8N_BLOCK_ENV_ACCESS_IN_NODE",
        "IGE_TEST_WRITE_PAGES",
        "IGE_POSTGRES",
        "IGE_REDIS",
        "IGE_DATABASE",
        "IGE_SERVE_SERVICE_HOST",
    }  # n8n's, a test's, deploy/prepare.sh's, and Kubernetes''
    named = {
        word for name in NAMES for word in re.findall(r"\b(?:IGE|N8N|OPENAI|DAGSTER)_[A-Z0-9_]+[A-Z0-9]\b", text(name))
    }

    assert named - known == set()


@pytest.mark.parametrize("name", [name for name in NAMES if "decisions/" in name and "README" not in name])
def test_a_decision_says_what_else_there_was_and_when_to_look_again(name: str) -> None:
    for part in ("**Decided.**", "**Considered.**", "**Follows.**", "**Look again when**"):
        assert part in text(name)
    assert f"]({Path(name).name})" in text("docs/decisions/README.md")
