"""The audit of dependencies fails on whatever is wrong, and passes unaudited only where nobody could be asked."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ige_pipeline_tests.dagster_instances import ROOT

SAFE = {"name": "click", "version": "8.5.1", "vulns": []}
BAD = {"name": "jinja2", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
ABSENT = {"name": "gone", "skip_reason": "Dependency not found on PyPI and could not be audited: gone (1.0)"}
NOBODY = "NOTHING WAS AUDITED"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    (tmp_path / "python").symlink_to(sys.executable)
    return tmp_path


def audit(programs: Path, *, code: int = 0, report: Any = None, said: str = "") -> tuple[int, str]:
    """Run .ci/audit with a pip-audit that leaves this report, says this and ends with this code."""
    left = "" if report is None else f"print '%s' '{json.dumps(report)}' > \"$file\"".replace("print", "printf")
    fake = programs / "pip-audit"
    fake.write_text(f"#!/bin/sh\nfor file; do :; done\n{left}\ncat >&2 <<'END'\n{said}\nEND\nexit {code}\n")
    fake.chmod(0o755)
    return ended(programs)


def ended(programs: Path, *words: str, **env: str) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603 - a script of this repository
        [str(ROOT / ".ci" / "audit"), str(programs), *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | env,
    )
    return done.returncode, done.stdout + done.stderr


def of(*pins: Any) -> dict[str, Any]:
    return {"dependencies": list(pins), "fixes": []}


def test_dependencies_without_advisories_pass(programs: Path) -> None:
    assert audit(programs, report=of(SAFE)) == (0, "audit: 1 of 1 dependencies were looked up.\n")


def test_an_advisory_fails_and_is_named(programs: Path) -> None:
    code, said = audit(programs, code=1, report=of(SAFE, BAD))

    assert code == 1
    assert "jinja2 1.0 has PYSEC-1; fixed in 1.1." in said


def test_a_dependency_that_only_the_database_does_not_know_fails(programs: Path) -> None:
    code, said = audit(programs, report=of(SAFE, ABSENT))

    assert code == 1
    assert "gone was not looked up" in said


@pytest.mark.parametrize(
    "said",
    [
        "ERROR:pip_audit._cli:Could not connect to PyPI's vulnerability feed",
        "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='db.example', port=443): Max retries exceeded",
        "requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='db.example', port=443): Read timed out.",
        "requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: https://db.example/",
    ],
)
def test_a_database_that_cannot_be_reached_passes_and_says_so(programs: Path, said: str) -> None:
    code, told = audit(programs, code=1, said=said)

    assert (code, NOBODY in told) == (0, True)


def test_a_mirror_that_has_no_advisories_of_anything_passes_and_says_so(programs: Path) -> None:
    code, told = audit(programs, report=of(ABSENT, ABSENT))

    assert (code, NOBODY in told) == (0, True)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (1, "TypeError: 'NoneType' object is not iterable"),
        (1, "requests.exceptions.HTTPError: 400 Client Error: Bad Request for url: https://db.example/"),
        (1, "ERROR:pip_audit._cli:invalid requirements input: constraints.txt"),
        (2, "pip-audit: error: unrecognized arguments: --no-depths"),
        (2, "Could not connect to PyPI's vulnerability feed"),
        (0, ""),
    ],
)
def test_any_other_end_fails_with_what_was_said(programs: Path, code: int, said: str) -> None:
    ended_with, told = audit(programs, code=code, said=said)

    assert (ended_with, NOBODY in told) == (1, False)
    assert said in told


@pytest.mark.parametrize("report", [of(), {"dependencies": [SAFE | {"vulns": []}]}])
def test_a_report_that_does_not_fit_its_end_fails(programs: Path, report: Any) -> None:
    assert audit(programs, code=1, report=report)[0] == 1


def test_a_program_that_is_missing_or_hangs_fails(programs: Path) -> None:
    missing = ended(programs)
    (programs / "pip-audit").write_text("#!/bin/sh\nexec sleep 60\n")
    (programs / "pip-audit").chmod(0o755)
    hangs = ended(programs, IGE_TEST_AUDIT_SECONDS="0.2")

    assert (missing[0], hangs[0]) == (1, 1)
    assert NOBODY not in missing[1] + hangs[1]
    assert "did not come to an end" in hangs[1]


@pytest.mark.skipif(not (ROOT / ".venv" / "bin" / "pip-audit").exists(), reason="make check installs pip-audit")
def test_the_real_program_understands_what_it_is_told(tmp_path: Path) -> None:
    """It asks nobody about an empty list, and ends before that at an option which it does not know."""
    (tmp_path / "none.txt").write_text("")

    _, said = ended(ROOT / ".venv" / "bin", str(tmp_path / "none.txt"))

    assert "unrecognized arguments" not in said
    assert "a report of 0 dependencies" in said
