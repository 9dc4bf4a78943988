"""Answers are kept before more is asked, a few at a time, and whoever cannot be asked is kept as that."""

import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Self, cast

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.generation.asking import Account, Answered, Question, ask_for_all
from ige_pipeline.generation.draft import Brief, Draft
from ige_pipeline.generation.model import ModelWriter
from ige_pipeline.generation.outcome import Failed, Outcome, Written
from ige_pipeline.ledger import spend
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import make_batch

Conn = psycopg.Connection[DictRow]


class Model:
    """Answers at once, and writes down whom it was asked about; `outcomes` are by decision."""

    def __init__(self, *, concurrency: int, outcomes: dict[int, Outcome] | None = None) -> None:
        self.concurrency = concurrency
        self.outcomes = outcomes or {}
        self.events: list[tuple[str, int]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def write(self, brief: Brief, **_: Any) -> Outcome:
        self.events.append(("asked", brief.decision_id))
        return self.outcomes.get(brief.decision_id, Written(Draft("Hi", "because", "model:m")))


@pytest.fixture
def account(shared_conn: Conn) -> Iterator[Account]:
    with shared_conn.transaction(force_rollback=True):
        yield Account(shared_conn, make_batch(shared_conn), Settings())


def questions(number: int) -> list[Question]:
    return [
        Question(Brief(decision, decision, "stalled_goal", "check_in", "Ada", None, {}, "because"))
        for decision in range(1, number + 1)
    ]


def ask(model: Model, account: Account, number: int) -> list[list[int]]:
    """Ask so many questions; return which answers were kept together."""
    together: list[list[int]] = []

    def keep(answered: Sequence[Answered]) -> None:
        assert threading.current_thread() is not threading.main_thread()
        together.append([question.brief.decision_id for question, _ in answered])
        model.events.extend(("kept", decision) for decision in together[-1])

    ask_for_all(questions(number), model=cast("ModelWriter", model), account=account, keep=keep)
    return together


def test_nobody_is_asked_for_the_next_before_the_last_is_kept(account: Account) -> None:
    model = Model(concurrency=1)

    ask(model, account, 4)

    assert model.events == [(event, decision) for decision in (1, 2, 3, 4) for event in ("asked", "kept")]


def test_never_are_more_answers_unkept_than_may_be_under_way(account: Account) -> None:
    model = Model(concurrency=5)

    together = ask(model, account, 40)

    unkept = [
        sum(1 if event == "asked" else -1 for event, _ in model.events[: end + 1]) for end in range(len(model.events))
    ]
    assert max(unkept) <= 5
    assert sorted(decision for each in together for decision in each) == list(range(1, 41))
    assert len(together) < 40


def test_after_a_server_said_that_it_refuses_all_the_rest_is_kept_as_that(account: Account) -> None:
    model = Model(concurrency=1, outcomes={3: Failed("model_http_401", hopeless=True)})

    together = ask(model, account, 7)

    assert [decision for event, decision in model.events if event == "asked"] == [1, 2, 3]
    assert together == [[1], [2], [3], [4, 5, 6, 7]]


def test_what_goes_wrong_in_keeping_ends_the_round_and_gives_back_the_money(account: Account) -> None:
    def keep(_answered: Sequence[Answered]) -> None:
        raise psycopg.OperationalError("gone")

    spend.take(
        account.conn, account.batch, needed=Decimal(1), wanted=Decimal(1), per_batch=Decimal(5), per_day=Decimal(5)
    )

    with pytest.raises(psycopg.OperationalError, match="gone"):
        ask_for_all(questions(9), model=cast("ModelWriter", Model(concurrency=3)), account=account, keep=keep)

    assert spend.taken(account.conn, account.batch)[0] == 1
