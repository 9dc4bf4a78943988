"""What deploy/compose.yaml would start, as processes of this machine: the same commands, the same environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from ige_pipeline_tests.dagster_instances import ROOT

DEPLOY = ROOT / "deploy"
IMAGE = "ige_pipeline:"


@dataclass(frozen=True)
class Place:
    """Where on this machine lies what the containers find at fixed paths, names and ports."""

    swaps: Mapping[str, str]

    def said(self, word: str) -> str:
        """A word of the compose file in the words of this machine."""
        for there, here in self.swaps.items():
            word = word.replace(there, here)
        return word


@cache
def services() -> dict[str, Any]:
    """Every service, merged as Compose merges them."""
    loaded = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return dict(loaded["services"])


def ours() -> dict[str, Any]:
    """Those that run our image."""
    return {name: service for name, service in services().items() if service["image"].startswith(IMAGE)}


def command_of(name: str) -> list[str]:
    """What a service runs: its own words, or the image's."""
    said = services()[name].get("command") or image_command()
    return [str(word) for word in said]


def image_command() -> list[str]:
    """The CMD of the Dockerfile."""
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    (last,) = [line for line in lines if line.startswith("CMD ")]
    return list(yaml.safe_load(last.removeprefix("CMD ")))


def environment_of(name: str) -> dict[str, str]:
    """The variables that a service sets."""
    return {key: str(value) for key, value in (services()[name].get("environment") or {}).items()}
