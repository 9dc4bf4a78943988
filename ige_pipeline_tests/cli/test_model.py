"""A batch by hand with a model: who wrote, what it took, and why the templates did where it did not."""

from collections.abc import Iterator
from typing import Any

import pytest

from ige_pipeline_tests.cli.people import make_due_contractor
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.factories import Conn
from ige_pipeline_tests.generation.model_server import KEY, Reply, Server, answer, serving

FIT = "how did the call with the two suppliers go? Happy to help with the next step."


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def terminal(database_url: str, server: Server) -> Terminal:
    model = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.url, "IGE_OPENAI_MODEL": "local"}
    webhook = {"N8N_OUTBOUND_WEBHOOK_URL": "http://127.0.0.1:9/nobody"}
    return Terminal({"IGE_DATABASE_URL": database_url, "IGE_MODEL_PRICES": "1/0.5/6"} | model | webhook)


def by_name(asked: dict[str, Any]) -> Reply:
    """Answer well about Ada; about Bob with a link at first, and about Cy always."""
    told = asked["messages"][1]["content"]
    if '"Bob"' in told and "rejected" in told:
        return Reply(message={"content": answer(f"Hi Bob, {FIT}")})
    if '"Ada"' in told:
        return Reply(message={"content": answer(f"Hi Ada, {FIT}")})
    return Reply(message={"content": answer("Hi, look at http://example.com/suppliers and tell me what you think.")})


def test_a_batch_shows_who_wrote_its_texts_and_what_the_model_took(
    conn: Conn, terminal: Terminal, server: Server
) -> None:
    people = [make_due_contractor(conn, first_name=name) for name in ("Ada", "Bob", "Cy")]
    server.play = by_name

    batch = terminal.json("run", "schedule")
    shown = terminal.json("batches", "show", str(batch["batch"]))

    assert batch["verdicts"] == {"scheduled": 3}
    assert len(server.asked) == 5
    assert shown["texts"] == {"model": 1, "model (second try)": 1, "template: rejected twice: link": 1}
    assert (float(shown["spent_usd"]), float(batch["cost_usd"])) == (5 * 0.0013, 5 * 0.0013)
    assert batch["tokens"] == 5 * 1100
    words = terminal.type("batches", "show", str(batch["batch"])).stdout
    assert "template: rejected twice: link 1" in words
    assert "Taken from the spend limits: 0.0065 USD." in words
    texts = conn.execute("SELECT message_content FROM ai_proactive_messages ORDER BY contractor_id").fetchall()
    assert [row["message_content"] for row in texts[:2]] == [
        f"Hi Ada, {FIT} - Acme. Reply STOP to opt out",
        f"Hi Bob, {FIT} - Acme. Reply STOP to opt out",
    ]
    assert "http" not in texts[2]["message_content"]
    assert "rejected twice" in terminal.type("why", str(people[2])).stdout
