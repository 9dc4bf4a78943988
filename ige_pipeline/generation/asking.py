"""Ask a model for many texts at once, and keep each answer the moment it exists.

The loop that waits for the model never waits for Postgres: one thread beside it does what there is to keep and to pay.
What gathers while it is at work goes along in its next statement. Nobody asks the next question before the last answer
is kept, so that a process that dies has lost no more answers than it may have calls under way.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Generic, TypeVar, TypeVarTuple

import psycopg

from ige_pipeline.generation.draft import Brief
from ige_pipeline.generation.model import ModelWriter
from ige_pipeline.generation.outcome import Failed, Fault, Outcome, Unpaid
from ige_pipeline.generation.purse import Grant, Purse
from ige_pipeline.ledger import spend
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.settings import Settings

R = TypeVar("R")
Q = TypeVar("Q")
T = TypeVar("T")
Given = TypeVarTuple("Given")


@dataclass(frozen=True, slots=True)
class Question:
    """One text to be asked for; `objections` are what was wrong with the first, in our own words."""

    brief: Brief
    objections: tuple[str, ...] = ()


Answered = tuple[Question, Outcome]
Keep = Callable[[Sequence[Answered]], None]


@dataclass(frozen=True)
class Account:
    """Where the money comes from: the limits of one batch and of the day, over one connection."""

    conn: Connection
    batch: spend.Payer
    settings: Settings

    def fetch(self, needed: Decimal, wanted: Decimal) -> Grant:
        """Take from both limits."""
        usd, reason = spend.take(
            self.conn,
            self.batch,
            needed=needed,
            wanted=wanted,
            per_batch=Decimal(str(self.settings.model_spend_per_batch_usd)),
            per_day=Decimal(str(self.settings.model_spend_per_day_usd)),
        )
        return Grant(usd, reason)

    def give_back(self, usd: Decimal) -> None:
        """Give back what was not needed."""
        spend.give_back(self.conn, self.batch, usd)


def ask_for_all(questions: Sequence[Question], *, model: ModelWriter, account: Account, keep: Keep) -> None:
    """Ask every question and `keep` every answer.

    After a limit is reached, or a server says that it will refuse them all, nothing more is asked: what is left is kept
    with that outcome.
    """
    put_to_all(questions, put=_put, model=model, account=account, keep=keep)


async def _put(question: Question, model: ModelWriter, purse: Purse) -> Outcome:
    return await model.write(question.brief, objections=question.objections, purse=purse)


def put_to_all(
    questions: Sequence[Q],
    *,
    put: Callable[[Q, ModelWriter, Purse], Awaitable[T | Fault]],
    model: ModelWriter,
    account: Account,
    keep: Callable[[Sequence[tuple[Q, T | Fault]]], None],
) -> None:
    """Do the same with questions of any kind; `put` puts one to the model."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ige-keep") as thread:
        try:
            asyncio.run(_Round(put, model, account, keep, thread, deque(questions)).run())
        except ExceptionGroup as failed:
            # What went wrong is one thing, and whoever reports it knows how to say it without quoting a row.
            raise _first(failed) from None


def _first(failed: ExceptionGroup[Exception]) -> Exception:
    error = failed.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


@dataclass
class _Round(Generic[Q, T]):
    put: Callable[[Q, ModelWriter, Purse], Awaitable[T | Fault]]
    model: ModelWriter
    account: Account
    keep: Callable[[Sequence[tuple[Q, T | Fault]]], None]
    thread: ThreadPoolExecutor
    waiting: deque[Q]
    stopped: Unpaid | Failed | None = None
    gathered: list[tuple[Q, T | Fault]] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        purse = Purse(self._fetch)
        try:
            async with self.model, asyncio.TaskGroup() as group:
                for _ in range(min(self.model.concurrency, len(self.waiting))):
                    group.create_task(self._work(purse))
        except BaseException:
            # What went wrong must be told, and not that money cannot be given back: that stays taken, which is safe.
            with suppress(psycopg.Error):
                await self._aside(self.account.give_back, purse.left)
            raise
        await self._aside(self.account.give_back, purse.left)
        if self.stopped is not None:
            await self._aside(self.keep, [(question, self.stopped) for question in self.waiting])

    async def _work(self, purse: Purse) -> None:
        while self.waiting and self.stopped is None:
            question = self.waiting.popleft()
            outcome = await self.put(question, self.model, purse)
            if isinstance(outcome, Unpaid) or (isinstance(outcome, Failed) and outcome.hopeless):
                self.stopped = outcome
            await self._kept((question, outcome))

    async def _kept(self, answered: tuple[Q, T | Fault]) -> None:
        """Return once the answer is kept: by us, or by whoever had the turn before and took it along."""
        self.gathered.append(answered)
        async with self.turn:
            if self.gathered:
                together, self.gathered = self.gathered, []
                await self._aside(self.keep, together)

    async def _fetch(self, needed: Decimal, wanted: Decimal) -> Grant:
        return await self._aside(self.account.fetch, needed, wanted)

    async def _aside(self, work: Callable[[*Given], R], *args: *Given) -> R:
        return await asyncio.get_running_loop().run_in_executor(self.thread, work, *args)
