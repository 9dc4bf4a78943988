"""Every contactable candidate gets a text: from the model while it answers and may be paid, else from the templates."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.generation import template
from ige_pipeline.generation.generate import count_drafts, generate_messages
from ige_pipeline.generation.model import ModelWriter
from ige_pipeline.generation.price import of_model
from ige_pipeline.generation.variants import Templates
from ige_pipeline.ledger import spend
from ige_pipeline.ledger.batch import Batch, close_batch
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import ago, fetch, make_batch, make_contractor, make_decision
from ige_pipeline_tests.generation.model_server import KEY, TEXT, Reply, Server, serving

Conn = psycopg.Connection[DictRow]

# The server says 1,000 tokens in, 600 of them cached, and 100 out: at this price 0.0013 USD. At most a call may take
# its bytes and 2,000 tokens out: some 0.018.
PRICE = {"model_prices": "1/0.5/6"}
COST = Decimal("0.0013")


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    url = running.url
    Server.__init__(running)
    running.url, running.script = url, [Reply()]
    return running


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


@pytest.fixture(scope="module")
def templates() -> Templates:
    return template.load()


@pytest.fixture
def batch(conn: Conn) -> Batch:
    return make_batch(conn)


def make_candidates(conn: Conn, batch: Batch, number: int, **over: Any) -> list[int]:
    row = {"screened_at": ago(minutes=1)} | over
    return [make_decision(conn, batch, make_contractor(conn), **row) for _ in range(number)]


def generate(
    conn: Conn, batch: Batch, server: Server, templates: Templates, *, timeout_seconds: float = 5, **thresholds: Any
) -> None:
    settings = Settings(**PRICE | thresholds)
    model = ModelWriter(
        model="local",
        api_key=KEY,
        base_url=server.url,
        timeout_seconds=timeout_seconds,
        concurrency=settings.model_concurrency,
        retries=settings.model_retries,
        prices=of_model("local", stated=settings.model_prices),
        first_pause_seconds=0.001,
    )
    generate_messages(conn, batch, settings, templates=templates, model=model)


def rows(conn: Conn, decisions: list[int]) -> list[DictRow]:
    return [fetch(conn, "ige_decisions", decision) for decision in decisions]


def test_the_model_writes_and_everything_it_took_is_stored_with_the_draft(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    (decision,) = make_candidates(conn, batch, 1)

    generate(conn, batch, server, templates)

    row = fetch(conn, "ige_decisions", decision)
    assert (row["draft"], row["draft_source"], row["fallback_reason"]) == (TEXT, "model:local", None)
    took = row["generation"]
    assert (took["model"], took["request_id"]) == ("local", "req-7")
    assert (took["tokens_in"], took["tokens_cached"], took["tokens_out"]) == (1000, 600, 100)
    assert Decimal(took["cost_usd"]) == COST
    assert took["latency_ms"] >= 0
    assert took["prompt_version"].startswith("concierge-")
    # The server names "item" twice and "goal", which is not for saying.
    assert (took["facts_used"], took["remembered"]) == (["item"], [])
    assert took["asked"]["language"] == "en"
    for told in ("first_name", "company_name", "tone"):
        assert took["asked"][told] in server.asked[0]["messages"][1]["content"]


def test_running_again_asks_only_for_what_is_missing(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    make_candidates(conn, batch, 3)
    generate(conn, batch, server, templates)
    more = make_candidates(conn, batch, 2)

    generate(conn, batch, server, templates)

    assert len(server.asked) == 5
    assert [row["draft"] for row in rows(conn, more)] == [TEXT] * 2


def test_why_the_model_did_not_write_is_kept_and_counted(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    decisions = make_candidates(conn, batch, 3)
    refused = Reply(message={"content": None, "refusal": "no"})
    server.script = [Reply(finish="length"), refused, Reply()]

    generate(conn, batch, server, templates, model_concurrency=1)

    assert [row["fallback_reason"] for row in rows(conn, decisions)] == ["model_cut_off", "model_refused", None]
    assert count_drafts(conn, batch) == {
        "model": 1,
        "template: model_cut_off": 1,
        "template: model_refused": 1,
    }
    # An answer that nobody can use has cost as much as any other.
    assert close_batch(conn, batch)["cost_usd"] == 3 * COST


def test_a_key_that_is_refused_is_tried_once_and_the_rest_written_without(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    make_candidates(conn, batch, 30)
    server.script = [Reply(status=401)]

    generate(conn, batch, server, templates, model_concurrency=1)

    assert len(server.asked) == 1
    assert count_drafts(conn, batch) == {"template: model_http_401": 30}


def test_at_the_limit_of_a_batch_nothing_more_is_asked_and_templates_write_the_rest(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    make_candidates(conn, batch, 40)

    generate(conn, batch, server, templates, model_spend_per_batch_usd=0.05, model_concurrency=10)

    by_batch, _ = spend.taken(conn, batch)
    counted = count_drafts(conn, batch)
    assert 10 < len(server.asked) < 40
    assert counted == {"model": len(server.asked), "template: spend_per_batch": 40 - len(server.asked)}
    assert by_batch == len(server.asked) * COST <= Decimal("0.05")


def test_every_retry_is_paid_for_before_it_is_made(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    make_candidates(conn, batch, 2)
    # Nobody knows what a call cost that was never answered: what was set aside counts as spent, and pays for two.
    server.script = [Reply(delay=0.2)]

    generate(conn, batch, server, templates, model_spend_per_batch_usd=0.045, timeout_seconds=0.05)

    assert len(server.asked) == 2
    assert count_drafts(conn, batch) == {"template: spend_per_batch": 2}
    assert 0.03 < spend.taken(conn, batch)[0] < 0.045


def test_a_call_that_the_server_did_not_take_up_costs_nothing(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    make_candidates(conn, batch, 2)
    server.script = [Reply(status=500)]

    generate(conn, batch, server, templates, model_concurrency=1)

    assert len(server.asked) == 6
    assert spend.taken(conn, batch)[0] == 0


def test_what_other_batches_of_the_day_spent_counts(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    make_candidates(conn, batch, 3)
    other = make_batch(conn)
    spend.take(conn, other, needed=Decimal(1), wanted=Decimal(1), per_batch=Decimal(9), per_day=Decimal(9))

    generate(conn, batch, server, templates, model_spend_per_day_usd=1.01)

    assert server.asked == []
    assert count_drafts(conn, batch) == {"template: spend_per_day": 3}


def test_the_rest_waits_for_the_next_hour_where_the_setting_says_so(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    waiting = make_candidates(conn, batch, 2)
    (promised,) = make_candidates(
        conn, batch, 1, promised=True, facts={"template": "Hi, the reminder you asked for.", "personalise": True}
    )

    generate(conn, batch, server, templates, model_spend_per_batch_usd=0, when_spend_is_reached="wait")

    for row in rows(conn, waiting):
        assert (row["verdict"], row["draft"]) == ("postponed", None)
        assert row["reasons"] == [{"reason": "spend_per_batch", "observed": 0, "limit": 0}]
        assert (row["retry_at"].minute, row["retry_at"].second) == (0, 0)
        assert row["retry_at"] > row["decided_at"]
    # Its words are there: a promise needs no model.
    kept = fetch(conn, "ige_decisions", promised)
    assert (kept["verdict"], kept["draft"]) == (None, "Hi, the reminder you asked for.")
    assert server.asked == []


def test_what_waits_is_not_written_by_a_run_that_is_repeated(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    waiting = make_candidates(conn, batch, 2)
    generate(conn, batch, server, templates, model_spend_per_batch_usd=0, when_spend_is_reached="wait")

    generate(conn, batch, server, templates)

    assert server.asked == []
    assert [row["verdict"] for row in rows(conn, waiting)] == ["postponed"] * 2


def test_what_the_database_refuses_is_told_as_its_own_error_and_not_within_another(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    make_candidates(conn, batch, 3)
    conn.execute("ALTER TABLE ige_decisions ADD CONSTRAINT nobody_writes CHECK (draft IS NULL) NOT VALID")

    # Its text quotes the row, so that whoever reports it must be able to know it.
    with pytest.raises(psycopg.errors.CheckViolation), conn.transaction():
        generate(conn, batch, server, templates)


def test_neither_a_text_nor_a_name_is_in_what_is_counted(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    make_candidates(conn, batch, 1)

    generate(conn, batch, server, templates)

    assert not any(word in json.dumps(count_drafts(conn, batch)) for word in ("Maria", "quotes", "Ada"))
