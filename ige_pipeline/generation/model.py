"""The model as a writer: one brief in, one outcome out, over any server that speaks OpenAI's chat completions.

We do our own retries: each then waits as long as the server asks, never past the time that one message has, and what
every call took stays known.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from ige_pipeline.generation import answer, prompt
from ige_pipeline.generation.draft import Brief
from ige_pipeline.generation.outcome import Failed, Outcome
from ige_pipeline.refusal import Refusal

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

DEFAULT_BASE_URL = "https://api.openai.com/v1"

# Room for an answer and for the thinking that reasoning models count as output, and a bound on what a runaway costs.
_MAX_TOKENS = 2000
_LONGEST_PAUSE = 8.0
_MAY_PASS = frozenset({408, 409, 429})
_HOPELESS = frozenset({401, 403, 404})
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class _Again:
    """The call failed in a way that may pass; `after` is the wait in seconds that the server asked for."""

    reason: str
    after: float | None = None


class ModelWriter:
    """Asks a model for texts. Use it as an async context manager, within one event loop.

    Times are seconds: `timeout_seconds` for one call, `total_seconds` for all calls and waits for one message.
    """

    def __init__(
        self,
        *,
        model: str,
        api_key: str,
        base_url: str | None = None,
        timeout_seconds: float = 20,
        total_seconds: float = 45,
        concurrency: int = 10,
        retries: int = 2,
        first_pause_seconds: float = 0.5,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.model = model
        self._api_key = _usable_key(api_key)
        self._base_url = _usable_url(base_url or DEFAULT_BASE_URL)
        self._timeout_seconds = timeout_seconds
        self._total_seconds = total_seconds
        self._retries = retries
        self._first_pause_seconds = first_pause_seconds
        self._jitter = jitter
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        self._client: AsyncOpenAI | None = None
        self._answer_type: type[Any] = object

    async def __aenter__(self) -> Self:
        from openai import AsyncOpenAI  # noqa: PLC0415 - importing it costs a second
        from openai.types.chat import ChatCompletion  # noqa: PLC0415 - as above, and not within the first call's time

        self._answer_type = ChatCompletion
        # At debug level the SDK logs whole requests, and ours hold what contractors wrote.
        logging.getLogger("openai").setLevel(logging.WARNING)
        # A semaphore belongs to the loop in which it was first waited for.
        self._slots = asyncio.Semaphore(self._concurrency)
        self._client = AsyncOpenAI(
            api_key=self._api_key, base_url=self._base_url, timeout=self._timeout_seconds, max_retries=0
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def write(self, brief: Brief, *, objections: Sequence[str] = ()) -> Outcome:
        """Ask for one text; waits for a free slot first. What the world does wrong is an outcome, not an error."""
        messages = prompt.messages(brief, objections=objections)
        keys = prompt.fact_keys(brief)
        async with self._slots:
            deadline = monotonic() + self._total_seconds
            try:
                async with asyncio.timeout(self._total_seconds):
                    return await self._persist(messages, keys, deadline)
            except TimeoutError:
                return Failed("model_timeout")

    async def _persist(self, messages: list[dict[str, str]], keys: frozenset[str], deadline: float) -> Outcome:
        for retry in range(self._retries + 1):
            match await self._call(messages, keys):
                case _Again(reason, after):
                    pause = self._pause(retry) if after is None else after
                    if retry == self._retries or monotonic() + pause >= deadline:
                        break
                    await asyncio.sleep(pause)
                case outcome:
                    return outcome
        return Failed(reason)

    async def _call(self, messages: list[dict[str, str]], keys: frozenset[str]) -> Outcome | _Again:
        import openai  # noqa: PLC0415 - importing it costs a second

        started = monotonic()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                completion = await self._complete(messages)
        except (TimeoutError, openai.APITimeoutError):
            return _Again("model_timeout")
        except openai.APIConnectionError:
            return _Again("model_unreachable")
        except openai.APIStatusError as error:
            return _refused_by_server(error)
        except (openai.OpenAIError, ValueError):  # ValueError: the body is not JSON
            return Failed("model_malformed_answer")
        took = round((monotonic() - started) * 1000)
        return answer.read(completion, model=self.model, latency_ms=took, fact_keys=keys)

    async def _complete(self, messages: list[dict[str, str]]) -> Any:
        if self._client is None:
            raise RuntimeError("A ModelWriter writes only inside of `async with`")
        asked = {
            "model": self.model,
            "messages": messages,
            "response_format": answer.RESPONSE_FORMAT,
            "max_completion_tokens": _MAX_TOKENS,
        }
        # `chat.completions.create` walks every value through its type hints first: a quarter of a call's CPU time.
        return await self._client.post("/chat/completions", body=asked, cast_to=self._answer_type)

    def _pause(self, retry: int) -> float:
        return min(self._first_pause_seconds * 2.0**retry, _LONGEST_PAUSE) * (1 - self._jitter() / 4)


def _refused_by_server(error: "APIStatusError") -> Failed | _Again:
    # Only the status goes on: a server's text may quote the key or the request.
    status = error.status_code
    if error.code == "insufficient_quota":
        return Failed("model_out_of_quota", hopeless=True)
    may_pass = status in _MAY_PASS or status >= _SERVER_ERROR
    if may_pass and error.response.headers.get("x-should-retry") != "false":
        reason = "model_rate_limited" if status == 429 else f"model_http_{status}"  # noqa: PLR2004 - Too Many Requests
        return _Again(reason, _asked_wait(error.response.headers, now=datetime.now(UTC)))
    return Failed(f"model_http_{status}", hopeless=status in _HOPELESS)


def _asked_wait(headers: Any, *, now: datetime) -> float | None:
    """Return the seconds that a server asks us to wait; None if it does not, or not in a way we can read."""
    asked = headers.get("retry-after", "")
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        if asked.replace(".", "", 1).isdecimal():
            return float(asked)
        return max(0.0, (parsedate_to_datetime(asked) - now).total_seconds())
    except (ValueError, TypeError):  # TypeError: a date without a zone
        return None


def _usable_key(key: str) -> str:
    # A key that cannot be a header would come back inside of the HTTP client's error.
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise Refusal("The model's key is empty or has characters that no key has; set OPENAI_API_KEY again.")
    return key


def _usable_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Refusal("The model's address is not an http or https URL; set OPENAI_BASE_URL again.")
    return url
