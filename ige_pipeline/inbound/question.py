"""What the model is asked about a reply that no rule knows, and what its answer amounts to. Pure."""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ige_pipeline.generation.draft import Usage
from ige_pipeline.generation.inquiry import Inquiry
from ige_pipeline.generation.outcome import Failed
from ige_pipeline.generation.untrusted import cleaned
from ige_pipeline.inbound.feeling import Indicator

# Add a version with every change of the words: with the model's name it is stored with each reply that was read.
VERSION = "feeling-1"
_TEXT_LIMIT = 1_000
_UNKNOWN = "unknown"
# Silence tells that something was ignored, and no words do.
_WORDS = (*(str(each) for each in Indicator if each is not Indicator.IGNORED_SUGGESTION), _UNKNOWN)


class _Answer(BaseModel):
    """One word, and nothing else."""

    model_config = ConfigDict(extra="forbid")

    tells: str = Field(json_schema_extra={"enum": list(_WORDS)})


_RESPONSE_FORMAT: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {"name": "reply", "strict": True, "schema": _Answer.model_json_schema()},
}


@dataclass(frozen=True, slots=True)
class Told:
    """What the model says that a reply tells; None where it does not know either."""

    indicator: Indicator | None
    usage: Usage


def inquiry(*, they_said: str, we_said: str | None) -> Inquiry[Told | Failed]:
    """Ask about one reply to one of our messages, if it is known which."""
    content = {"we_said": cleaned(we_said, limit=_TEXT_LIMIT), "they_said": cleaned(they_said, limit=_TEXT_LIMIT)}
    # With no angle bracket in it, nothing inside can close the delimiter.
    data = json.dumps(content, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e")
    told = [
        {"role": "system", "content": _instructions()},
        {"role": "user", "content": f"<contractor_data>\n{data}\n</contractor_data>"},
    ]
    return Inquiry(told, _RESPONSE_FORMAT, _said, VERSION)


def _instructions() -> str:
    return files(__package__).joinpath("prompts", f"{VERSION}.txt").read_text(encoding="utf-8").strip()


def _said(content: str, usage: Usage) -> Told | Failed:
    try:
        word = _Answer.model_validate_json(content).tells
    except ValidationError:
        return Failed("model_malformed_answer", usage)
    if word not in _WORDS:
        return Failed("model_malformed_answer", usage)
    return Told(None if word == _UNKNOWN else Indicator(word), usage)
