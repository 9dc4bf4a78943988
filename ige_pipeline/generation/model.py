"""The model as a writer: one brief in, one outcome out, over any server that speaks OpenAI's chat completions.

We do our own retries: each then waits as long as the server asks, never past the time that one message has, is paid for
before it is made, and what every call took stays known.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ige_pipeline.generation import access, answer, faults, price, prompt
from ige_pipeline.generation.draft import Brief
from ige_pipeline.generation.faults import Again
from ige_pipeline.generation.inquiry import Inquiry
from ige_pipeline.generation.outcome import Failed, Fault, Outcome, Unpaid
from ige_pipeline.generation.pace import Pace
from ige_pipeline.generation.purse import Purse, bottomless
from ige_pipeline.tracing import span

if TYPE_CHECKING:
    from openai import AsyncOpenAI

# Room for an answer and for the thinking that reasoning models count as output, and a bound on what a runaway costs.
_MAX_TOKENS = 2000
# Its name, and the one that servers know which are not as new: reasoning models of OpenAI refuse the old one.
_BOUND, _OLD_BOUND = "max_completion_tokens", "max_tokens"
_LONGEST_PAUSE = 8.0
# What a provider's own estimate comes to, before the answer says what it really was.
_BYTES_PER_TOKEN = 4
_USUAL_TOKENS_OUT = 150
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Call(Generic[T]):
    """One question, its bounds, and the purse that pays for it."""

    inquiry: Inquiry[T]
    body: dict[str, Any]
    tokens: float
    at_most: Decimal
    purse: Purse


class ModelWriter:
    """Asks a model for texts. Use it as an async context manager, within one event loop.

    Times are seconds: `timeout_seconds` for one call, `total_seconds` for all calls and waits for one message. Prices
    are USD per million tokens.
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
        prices: price.Price | None = None,
        pace: Pace | None = None,
        prompt_version: str = prompt.NEWEST,
        language: str = "en",
        first_pause_seconds: float = 0.5,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.model = model
        self.concurrency = concurrency
        self._api_key = access.usable_key(api_key)
        self._base_url = access.usable_url(base_url or access.DEFAULT_BASE_URL)
        self._timeout_seconds = timeout_seconds
        self._total_seconds = total_seconds
        self._retries = retries
        self._prices = prices or price.of_model(model)
        self._pace = pace or Pace()
        self.prompt_version = prompt_version
        self._language = language
        self._first_pause_seconds = first_pause_seconds
        self._jitter = jitter
        self._bound = _BOUND
        self._slots = asyncio.Semaphore(concurrency)
        self._client: AsyncOpenAI | None = None
        self._answer_type: type[Any] = object

    async def __aenter__(self) -> Self:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient  # noqa: PLC0415 - importing it costs a second
        from openai.types.chat import ChatCompletion  # noqa: PLC0415 - as above, and not within the first call's time

        from ige_pipeline.generation.lanes import Lanes  # noqa: PLC0415 - as above

        self._answer_type = ChatCompletion
        # At debug level the SDK logs whole requests, and ours hold what contractors wrote.
        logging.getLogger("openai").setLevel(logging.WARNING)
        # A semaphore and a lock belong to the loop in which they were first waited for.
        self._slots = asyncio.Semaphore(self.concurrency)
        self._pace.begin()
        self._client = AsyncOpenAI(
            api_key=self._api_key,
            base_url=self._base_url,
            timeout=self._timeout_seconds,
            max_retries=0,
            http_client=DefaultAsyncHttpxClient(transport=Lanes(connections=self.concurrency)),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def write(self, brief: Brief, *, objections: Sequence[str] = (), purse: Purse | None = None) -> Outcome:
        """Ask for one text."""
        told = prompt.messages(brief, objections=objections, version=self.prompt_version, language=self._language)
        said = partial(answer.written, fact_keys=prompt.fact_keys(brief))
        return await self.ask(Inquiry(told, answer.RESPONSE_FORMAT, said, self.prompt_version), purse=purse)

    async def ask(self, inquiry: Inquiry[T], *, purse: Purse | None = None) -> T | Fault:
        """Ask when there is a free slot, a turn and the money. What the world does wrong is an outcome.

        Without a purse nothing limits what is spent.
        """
        call = self._call_for(inquiry, purse or bottomless())
        async with self._slots:
            if not await self._pace.admit(call.tokens, patience=self._total_seconds):
                return Failed("model_rate_limited")
            if unpaid := await call.purse.set_aside(call.at_most):
                return Unpaid(unpaid)
            deadline = monotonic() + self._total_seconds
            try:
                with span("ask_model", model=self.model):
                    async with asyncio.timeout(self._total_seconds):
                        return await self._persist(call, deadline)
            except TimeoutError:
                return Failed("model_timeout")

    def _call_for(self, inquiry: Inquiry[T], purse: Purse) -> _Call[T]:
        body = {"model": self.model, "messages": inquiry.messages, "response_format": inquiry.response_format}
        size = inquiry.size
        at_most = self._prices.at_most(bytes_in=size, tokens_out=_MAX_TOKENS)
        return _Call(inquiry, body, size / _BYTES_PER_TOKEN + _USUAL_TOKENS_OUT, at_most, purse)

    async def _persist(self, call: _Call[T], deadline: float) -> T | Fault:
        """Make the call that is paid for, and again while that may help, there is time, and it is paid for."""
        outcome = await self._settled(call)
        for retry in range(self._retries):
            if not isinstance(outcome, Again):
                return outcome
            if not await self._wait(outcome, retry, call, deadline):
                break
            if unpaid := await call.purse.set_aside(call.at_most):
                return Unpaid(unpaid)
            outcome = await self._settled(call)
        return Failed(outcome.reason) if isinstance(outcome, Again) else outcome

    async def _wait(self, failed: Again, retry: int, call: _Call[T], deadline: float) -> bool:
        """Wait before the next try; False where it would come too late. What the server asks for is waited."""
        pause = failed.after
        if pause is None:
            pause = min(self._first_pause_seconds * 2.0**retry, _LONGEST_PAUSE) * (1 - self._jitter() / 4)
        left = deadline - monotonic()
        if pause >= left:
            return False
        await asyncio.sleep(pause)
        return await self._pace.admit(call.tokens, patience=left - pause)

    async def _settled(self, call: _Call[T]) -> T | Fault | Again:
        # Until we know better it took the most that it could: a call that timed out may have been charged.
        spent, tokens = call.at_most, call.tokens
        try:
            asked = await self._ask(call)
            outcome, charged = asked
            spent = spent if charged is None else charged
            if isinstance(outcome, Again) and outcome.after is not None:
                # It holds for all, and also where this message is not tried again.
                self._pace.hold(outcome.after)
            if outcome_usage := getattr(outcome, "usage", None):
                tokens = outcome_usage.tokens_in + outcome_usage.tokens_out or tokens
            return outcome
        finally:
            call.purse.settle(set_aside=call.at_most, spent=spent)
            self._pace.correct(estimated=call.tokens, used=tokens)

    async def _ask(self, call: _Call[T]) -> tuple[T | Fault | Again, Decimal | None]:
        """Make one call; return what came of it, and what it took in USD, None where nobody can know."""
        import openai  # noqa: PLC0415 - importing it costs a second

        started = monotonic()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                completion = await self._answer_to(call.body)
        except (TimeoutError, openai.APITimeoutError):
            return Again("model_timeout"), None
        except openai.APIConnectionError as error:
            return Again("model_unreachable"), Decimal(0) if faults.never_asked(error) else None
        except openai.APIStatusError as error:
            status, headers = error.status_code, error.response.headers
            outcome = faults.of_status(status, code=error.code, headers=headers, now=datetime.now(UTC))
            return outcome, None if faults.may_be_charged(status) else Decimal(0)
        except (openai.OpenAIError, ValueError):  # ValueError: the body is not JSON
            return Failed("model_malformed_answer"), None
        took = round((monotonic() - started) * 1000)
        asked = {"model": self.model, "prompt_version": call.inquiry.version}
        used = answer.usage(completion, **asked, latency_ms=took, prices=self._prices)
        return answer.read(completion, used, said=call.inquiry.said), used.cost_usd if used.reported else None

    async def _answer_to(self, body: dict[str, Any]) -> Any:
        """Ask with the bound by the name that this server takes; a question refused for that name costs nothing."""
        import openai  # noqa: PLC0415 - as above

        bound = self._bound
        try:
            return await self._complete({**body, bound: _MAX_TOKENS})
        except openai.APIStatusError as error:
            if bound != _BOUND or not faults.rejects(error.status_code, error.response.text, named=_BOUND):
                raise
            self._bound = _OLD_BOUND
            return await self._complete({**body, _OLD_BOUND: _MAX_TOKENS})

    async def _complete(self, body: dict[str, Any]) -> Any:
        if self._client is None:
            raise RuntimeError("A ModelWriter writes only inside of `async with`")
        # `chat.completions.create` walks every value through its type hints first: a quarter of a call's CPU time.
        return await self._client.post("/chat/completions", body=body, cast_to=self._answer_type)
