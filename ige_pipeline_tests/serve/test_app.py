"""What stands before every route: health, the page for machines, and a guard against what is big or slow."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message

from ige_pipeline.postgres.connection import Pool, open_pool
from ige_pipeline.serve.app import application
from ige_pipeline.serve.guard import MAX_BODY_BYTES, Guard


@pytest.fixture
def pool(database_url: str) -> Iterator[Pool]:
    with open_pool(database_url, size=2) as pool:
        yield pool


async def _length(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _leak(_: Request) -> Response:
    raise ValueError("+12125550100 wrote: STOP")


def make_client(pool: Pool) -> TestClient:
    routes = [Route("/length", _length, methods=["POST"]), Route("/leak/{number}", _leak)]
    return TestClient(application(pool, routes), base_url="http://127.0.0.1")


def test_it_lives_is_ready_and_describes_itself(pool: Pool) -> None:
    client = make_client(pool)

    assert client.get("/healthz").json() == {"ok": True}
    assert client.get("/readyz").json() == {"ready": True, "obstacle": None}
    assert {"/healthz", "/readyz"} <= set(client.get("/openapi.json").json()["paths"])


def test_it_is_not_ready_while_the_schema_is_another(pool: Pool, conn: psycopg.Connection[Any]) -> None:
    conn.execute("UPDATE ige_alembic_version SET version_num = '0001'")

    answer = make_client(pool).get("/readyz")

    assert answer.status_code == 503
    assert "ige migrate" in answer.json()["obstacle"]


def test_it_lives_but_is_not_ready_while_the_database_is_gone(pool: Pool) -> None:
    client = make_client(pool)
    pool.close()

    assert client.get("/healthz").status_code == 200
    assert (client.get("/readyz").status_code, client.get("/readyz").json()["ready"]) == (503, False)


def test_a_body_of_the_greatest_length_passes_and_one_more_byte_does_not(pool: Pool) -> None:
    client = make_client(pool)

    assert client.post("/length", content=b"x" * MAX_BODY_BYTES).text == str(MAX_BODY_BYTES)
    refused = client.post("/length", content=iter([b"x" * MAX_BODY_BYTES, b"x"]))
    assert (refused.status_code, "longer than" in refused.json()["error"]) == (413, True)


def test_a_body_that_dawdles_is_given_up() -> None:
    sent: list[Message] = []

    async def read(scope: Any, receive: Any, _: Any) -> None:
        await Request(scope, receive).body()

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    asyncio.run(Guard(read, patience_s=0)(scope, never, send))

    assert sent[0]["status"] == 408


def test_what_goes_wrong_is_answered_and_logged_without_what_it_says(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        answer = make_client(pool).get("/leak/+12125550100")

    assert answer.status_code == 500
    assert "2125550100" not in answer.text
    assert "ValueError" in caplog.text
    assert "/leak/{number}" in caplog.text
    assert "2125550100" not in "".join(each.getMessage() for each in caplog.records if "ige" in each.name)


def test_every_answer_forbids_to_be_kept_or_guessed(pool: Pool) -> None:
    for path in ("/healthz", "/nowhere"):
        headers = make_client(pool).get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
