"""`ige` typed under systemd: the units' settings and secrets, their user, and nothing left behind."""

import os
import subprocess
from pathlib import Path

import pytest

from ige_pipeline_tests.deploy.compose_file import DEPLOY
from ige_pipeline_tests.deploy.test_files import UNITS, unit

WRAPPER = DEPLOY / "systemd" / "ige"
# What the wrapper starts: it says who it is, what it was told, and what it can read.
SAYS = """#!/bin/sh
echo "words: $*"; echo "user: $(id -un)"; echo "folder: $(pwd)"
env | sort | grep -E '^(IGE|DAGSTER|N8N|OPENAI)_' | while IFS== read -r name value; do
  case "$name" in *_FILE) echo "$name: $(cat "$value")";; *) echo "$name=$value";; esac
done
exit 3
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the wrapper is root's")


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """A machine's folders, with secrets that only root reads."""
    for name in ("etc/secrets", "opt/bin", "lib/dagster", "run"):
        (tmp_path / name).mkdir(parents=True)
    program = tmp_path / "opt" / "bin" / "ige"
    program.write_text(SAYS)
    program.chmod(0o755)
    (tmp_path / "etc" / "production.env").write_text(
        "# a comment\n#IGE_OPENAI_MODEL=none\nIGE_LOG_FORMAT=json\nIGE_CONSENT_BASIS=customers of ours, terms of 2024"
    )
    for name, word in {"app_url": "postgresql://app", "dagster_url": "postgresql://dagster", "webhook_url": ""}.items():
        (tmp_path / "etc" / "secrets" / name).write_text(word)
        (tmp_path / "etc" / "secrets" / name).chmod(0o600)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    folders = {name.upper(): str(tmp_path / name) for name in ("etc", "opt", "lib", "run")}
    return {"PATH": os.environ["PATH"], "AS": "nobody", **folders}


def test_it_types_for_the_user_of_the_units_with_their_settings_and_secrets(machine: dict[str, str]) -> None:
    words = ["sh", str(WRAPPER), "stop", "--reason", "wrong  texts"]

    done = subprocess.run(words, env=machine, capture_output=True, text=True, check=False)  # noqa: S603 - ours

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "words: stop --reason wrong  texts",
        "user: nobody",
        f"folder: {machine['LIB']}",
        f"DAGSTER_HOME={machine['LIB']}/dagster",
        "DAGSTER_POSTGRES_URL_FILE: postgresql://dagster",
        "IGE_CONSENT_BASIS=customers of ours, terms of 2024",
        "IGE_DATABASE_URL_FILE: postgresql://app",
        "IGE_LOG_FORMAT=text",
        "IGE_SCHEDULES=on",
        f"IGE_SETTINGS={machine['ETC']}/ige.toml",
    ]
    assert done.returncode == 3
    assert list(Path(machine["RUN"]).iterdir()) == []


def test_it_hands_on_every_secret_that_the_units_are_handed_but_the_consoles() -> None:
    handed = {credential.split(":")[0] for path in UNITS for credential in unit(path)["LoadCredential"]}
    text = WRAPPER.read_text(encoding="utf-8")

    assert {name for name in handed if f" {name}\n" not in text} == {"console_proxy_secret"}
