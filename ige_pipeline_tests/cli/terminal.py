"""A person at a terminal: types `ige …` over one database and one webhook, and sees what is printed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from click.testing import CliRunner, Result

from ige_pipeline.cli.main import ige

# What the tests' own surroundings might say, and must not.
_UNSET = {"N8N_OUTBOUND_WEBHOOK_URL": "", "N8N_WEBHOOK_URL": "", "OPENAI_API_KEY": "", "IGE_SETTINGS": ""}


@dataclass(frozen=True)
class Terminal:
    """Commands run in this process, over `env`; the pace is fast unless it says otherwise."""

    env: Mapping[str, str] = field(default_factory=dict)

    def type(self, *words: str, answer: str | None = None) -> Result:
        """Run one command; `answer` is what is typed when it asks."""
        env = _UNSET | {"IGE_MESSAGES_PER_SECOND": "1000", "IGE_SENDER_NAME": "Acme"} | dict(self.env)
        return CliRunner().invoke(ige, words, input=answer, env=env, prog_name="ige")

    def json(self, *words: str, exit_code: int = 0) -> Any:
        """Run one command with --json and return what it printed."""
        result = self.type(*words, "--json")
        assert result.exit_code == exit_code, result.output
        return json.loads(result.stdout)

    def refused(self, *words: str) -> str:
        """Run a command that is refused: exit code 2, nothing on standard output, one sentence on standard error."""
        result = self.type(*words)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        lines = result.stderr.splitlines()
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("ige: ")
        assert lines[0].endswith(".")
        return lines[0].removeprefix("ige: ")
