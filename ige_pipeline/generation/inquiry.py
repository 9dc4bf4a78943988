"""One question to a model: what it is told, the shape that its answer must have, and what an answer amounts to."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ige_pipeline.generation.draft import Usage

T = TypeVar("T")
# What a provider puts around each question.
_BYTES_AROUND = 100


@dataclass(frozen=True, slots=True)
class Inquiry(Generic[T]):
    """`said` reads the content of an answer; `version` names the words that we ask with."""

    messages: Sequence[dict[str, str]]
    response_format: dict[str, Any]
    said: Callable[[str, Usage], T]
    version: str

    @property
    def size(self) -> int:
        """Return how many bytes count as input: the schema does, too."""
        told = sum(len(message["content"].encode()) for message in self.messages)
        return _BYTES_AROUND + len(json.dumps(self.response_format)) + told
