"""A model whose text is rejected is told why and asked once more; then the templates write."""

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
from ige_pipeline.ledger.batch import Batch, close_batch
from ige_pipeline.safeguards.content import ContentReason, Finding
from ige_pipeline.safeguards.objection import in_words
from ige_pipeline.safeguards.review import screen_content
from ige_pipeline.safeguards.second_try import ask_again
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import ago, fetch, make_batch, make_contractor, make_decision, make_sent_message
from ige_pipeline_tests.generation.model_server import KEY, Reply, Server, answer, serving

Conn = psycopg.Connection[DictRow]

STOP = " Reply STOP to opt out"
FIT = "Hi Ada, how did the call with the two suppliers go? Happy to help with the next step."
WITH_A_LINK = "Hi Ada, have a look at http://example.com/suppliers and tell me what you think."
COST = Decimal("0.0013")


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    url = running.url
    Server.__init__(running)
    running.url = url
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


def says(text: str) -> Reply:
    return Reply(message={"content": answer(text)})


def play(conn: Conn, batch: Batch, server: Server, templates: Templates, *script: Reply, **thresholds: Any) -> None:
    """Let the model write for every candidate, with a second try where needed, and review what came of it."""
    server.script = list(script) or server.script
    settings = Settings(**{"model_concurrency": 1} | thresholds)
    model = ModelWriter(
        model="local", api_key=KEY, base_url=server.url, prices=of_model("local", stated="1/0.5/6"), retries=0,
    )  # fmt: skip
    generate_messages(conn, batch, settings, templates=templates, model=model)
    ask_again(conn, batch, settings, model=model)
    screen_content(conn, batch, settings, templates=templates)


def make_candidate(conn: Conn, batch: Batch, **over: Any) -> int:
    return make_decision(conn, batch, make_contractor(conn), **{"screened_at": ago(minutes=1)} | over)


def test_the_second_text_goes_where_the_first_was_rejected_and_both_are_kept_and_counted(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    decision = make_candidate(conn, batch)

    play(conn, batch, server, templates, says(WITH_A_LINK), says(FIT))

    row = fetch(conn, "ige_decisions", decision)
    assert (row["draft"], row["draft_source"], row["fallback_reason"]) == (FIT + STOP, "model:local", None)
    first, second = row["generation"]["tries"]
    assert (first["text"], first["outcome"], first["rejected_for"]) == (WITH_A_LINK, "rejected", ["link"])
    assert (second["outcome"], second["facts_used"]) == ("written", ["item"])
    assert (first["asked"].get("objections"), second["asked"]["objections"]) == (None, ["it held a link"])
    assert row["generation"]["asked"] == second["asked"]
    assert (row["generation"]["tokens_in"], Decimal(row["generation"]["cost_usd"])) == (2000, 2 * COST)
    assert close_batch(conn, batch)["cost_usd"] == 2 * COST
    assert count_drafts(conn, batch) == {"model (second try)": 1}


def test_the_model_is_told_what_was_wrong_and_not_what_it_wrote(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    make_candidate(conn, batch)

    play(conn, batch, server, templates, says(WITH_A_LINK), says(FIT))

    first, second = (asked["messages"] for asked in server.asked)
    assert second[0] == first[0]
    assert second[1]["content"].startswith(first[1]["content"])
    assert second[1]["content"].endswith("avoids this: it held a link.")


def test_a_text_that_is_rejected_twice_gives_way_to_a_template(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    decision = make_candidate(conn, batch)

    play(conn, batch, server, templates, says(WITH_A_LINK), says("Hi Ada, call +1 212 555 0199 about the suppliers."))

    row = fetch(conn, "ige_decisions", decision)
    assert row["draft_source"].startswith("template:check_in/")
    assert row["fallback_reason"] == "rejected twice: phone_number"
    assert len(server.asked) == 2
    assert count_drafts(conn, batch) == {"template: rejected twice: phone_number": 1}


@pytest.mark.parametrize("come_to", ["model_http_500", "model_cut_off", "model_refused"])
def test_a_second_try_that_comes_to_nothing_gives_way_to_a_template_and_says_why(
    conn: Conn, batch: Batch, server: Server, templates: Templates, come_to: str
) -> None:
    replies = {
        "model_http_500": Reply(status=500),
        "model_cut_off": Reply(finish="length"),
        "model_refused": Reply(finish="content_filter"),
    }
    decision = make_candidate(conn, batch)

    play(conn, batch, server, templates, says(WITH_A_LINK), replies[come_to])

    row = fetch(conn, "ige_decisions", decision)
    assert row["draft_source"].startswith("template:")
    assert row["fallback_reason"] == f"rejected, then {come_to}: link"


def test_nobody_is_asked_a_third_time(conn: Conn, batch: Batch, server: Server, templates: Templates) -> None:
    make_candidate(conn, batch)
    server.script = [says(WITH_A_LINK)]
    settings, model = Settings(), ModelWriter(model="local", api_key=KEY, base_url=server.url)
    generate_messages(conn, batch, settings, templates=templates, model=model)

    ask_again(conn, batch, settings, model=model)
    ask_again(conn, batch, settings, model=model)

    assert len(server.asked) == 2


def test_a_second_try_is_paid_from_the_same_limit(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    decision = make_candidate(conn, batch)
    server.script = [says(WITH_A_LINK)]
    model = ModelWriter(model="local", api_key=KEY, base_url=server.url)
    generate_messages(conn, batch, Settings(), templates=templates, model=model)

    play(conn, batch, server, templates, model_spend_per_batch_usd=0.0001)

    assert len(server.asked) == 1
    assert fetch(conn, "ige_decisions", decision)["fallback_reason"] == "rejected, then spend_per_batch: link"


def test_a_template_and_a_promised_text_are_no_model_s_and_get_no_second_try(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    make_candidate(conn, batch, draft=WITH_A_LINK, draft_source="template:check_in/casual/1")
    make_candidate(conn, batch, draft="Hi {name}", draft_source="promised:follow_up_due")

    play(conn, batch, server, templates, says(FIT))

    assert server.asked == []


def test_a_model_may_take_up_what_was_said_before(
    conn: Conn, batch: Batch, server: Server, templates: Templates
) -> None:
    ada = make_contractor(conn)
    before = make_sent_message(
        conn, ada, message_content="Hi Ada, is the inspection set?", contractor_response="Yes, Thursday with Grace"
    )
    decision = make_decision(conn, batch, ada, screened_at=ago(minutes=1))
    taken_up = "Hi Ada, how did it go with Grace on Thursday? Curious what she said about the suppliers."

    play(conn, batch, server, templates, says(taken_up))

    assert '"they_said": "Yes, Thursday with Grace"' in server.asked[0]["messages"][1]["content"]
    row = fetch(conn, "ige_decisions", decision)
    assert (row["draft"], row["generation"]["remembered"]) == (taken_up + STOP, [before])


@pytest.mark.parametrize("reason", list(ContentReason))
def test_every_finding_can_be_told_to_the_model(reason: ContentReason) -> None:
    told = in_words(Finding(reason, "seen", 3))

    assert told
    assert "{" not in told
