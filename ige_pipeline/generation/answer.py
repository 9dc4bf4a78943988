"""The model's answer: the shape that it must have, and what one answer amounts to."""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ige_pipeline.generation.draft import Draft, Usage
from ige_pipeline.generation.outcome import CutOff, Failed, Refused, Written
from ige_pipeline.generation.price import Price
from ige_pipeline.generation.untrusted import cleaned

_TEXT_LIMIT = 2000
_REASONING_LIMIT = 500
T = TypeVar("T")


class Answer(BaseModel):
    """What the model writes; every field is required and no other is allowed, as strict schemas want it."""

    model_config = ConfigDict(extra="forbid")

    message: str = Field(description="The text message, ready to send.")
    reasoning: str = Field(description="One sentence for the operator: why this text, now.")
    facts_used: list[str] = Field(description="The keys of the facts that the message draws on.")


# https://platform.openai.com/docs/guides/structured-outputs
RESPONSE_FORMAT: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {"name": "message", "strict": True, "schema": Answer.model_json_schema()},
}


def read(completion: Any, used: Usage, *, said: Callable[[str, Usage], T]) -> T | Refused | CutOff | Failed:
    """Judge one chat completion: what it `said`, or why it said nothing.

    Compatible servers differ, so nothing about its shape is taken for granted.
    """
    choices = getattr(completion, "choices", None) or []
    message = getattr(choices[0], "message", None) if choices else None
    if message is None:
        return Failed("model_malformed_answer", used)
    match getattr(choices[0], "finish_reason", None):
        case "length":
            return CutOff(used)
        case "content_filter":
            return Refused(used)
    # A refusal arrives with HTTP 200 and without content.
    if getattr(message, "refusal", None):
        return Refused(used)
    content = getattr(message, "content", None)
    return said(content if isinstance(content, str) else "", used)


def usage(completion: Any, *, model: str, prompt_version: str, latency_ms: int, prices: Price) -> Usage:
    """Return what a completion took; a server that does not say counts as nothing used, and as not reported."""
    reported = getattr(completion, "usage", None)
    counts = {
        "tokens_in": _count(getattr(reported, "prompt_tokens", 0)),
        "tokens_cached": _count(getattr(getattr(reported, "prompt_tokens_details", None), "cached_tokens", 0)),
        "tokens_out": _count(getattr(reported, "completion_tokens", 0)),
    }
    return Usage(
        model=model,
        prompt_version=prompt_version,
        request_id=cleaned(getattr(completion, "_request_id", None) or getattr(completion, "id", None), limit=100),
        **counts,
        cost_usd=prices.of(**counts),
        latency_ms=latency_ms,
        price_known=prices.known,
        reported=bool(counts["tokens_in"] or counts["tokens_out"]),
    )


def written(content: str, used: Usage, *, fact_keys: frozenset[str]) -> Written | Failed:
    """Read the text that was asked for; `fact_keys` are those that it may say it used."""
    try:
        answer = Answer.model_validate_json(content)
    except ValidationError:
        return Failed("model_malformed_answer", used)
    return Written(
        Draft(
            text=cleaned(answer.message, limit=_TEXT_LIMIT),
            reasoning=cleaned(answer.reasoning, limit=_REASONING_LIMIT),
            source=f"model:{used.model}",
            usage=used,
            facts_used=tuple(key for key in dict.fromkeys(answer.facts_used) if key in fact_keys),
        )
    )


def _count(value: object) -> int:
    return max(0, value) if isinstance(value, int) else 0
