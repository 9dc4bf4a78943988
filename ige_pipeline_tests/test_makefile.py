"""Every `make X` that a page names has a recipe of its own, is listed by `make help`, and does what is said of it."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/**/*.md"))]
# What a page says of a target, and by which words its recipe does that.
DOES = {
    "run": "ige demo",
    "test": "pytest -n 2",
    "agreement": "ige_pipeline_tests/agreement",
    "machine": "delivery/test_outbox_machine.py",
    "check": "lint-imports",
    "chaos": "ige chaos",
    "bench-deliver": "ige bench deliver",
    "bench-queues": "ige_pipeline_tests.queues.compare",
    "idle": "ige_pipeline_tests.idle",
    "latency": "ige_pipeline_tests.latency",
    "month": "ige_pipeline_tests/housekeeping/month.py",
    "executors": "ige_pipeline_tests.executors",
    "audit": ".ci/audit",
    "test-deploy": "ige_pipeline_tests/deploy",
    "test-recovery": "ige_pipeline_tests/recovery",
    "test-n8n": "ige_pipeline_tests/n8n",
    "fuzz": "serve/test_fuzz.py",
    "test-console": "console/test_in_a_browser.py",
    "test-celery": "ige_pipeline_tests/celery",
    "format": "ruff format",
    "clean": "rm -rf .venv",
}


def make(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own Makefile
        ["make", "--no-print-directory", *words],  # noqa: S607 - wherever make is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def named() -> set[str]:
    """Return what stands after `make` at the start of a code span or of a line of a code block."""
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    return set(re.findall(r"(?:`|^ *(?:\$ )?)make ([a-z][a-z0-9-]*)(?=[`\s])", pages, re.MULTILINE))


def test_every_target_that_a_page_names_is_known_here() -> None:
    assert len(named()) > 10
    assert named() - set(DOES) == set()


@pytest.mark.parametrize("target", DOES)
def test_a_target_does_what_is_said_of_it(target: str) -> None:
    """Whether it must be remade is not asked: a file of that name would hide it."""
    told = make("--dry-run", "--always-make", target)

    assert told.returncode == 0, told.stderr
    assert DOES[target] in told.stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony is not None
    assert target in phony[1].split()


def test_help_shows_all_of_them() -> None:
    shown = {line.split("\t")[0] for line in make("help").stdout.splitlines()}

    assert set(DOES) - shown == set()


def test_no_two_targets_do_the_same() -> None:
    """A target that lost its recipe to another one did, once."""
    recipes = [make("--dry-run", target).stdout for target in ("chaos", "bench-deliver", "idle", "latency", "month")]

    assert len(set(recipes)) == len(recipes)
