"""The shipped workflow on a real n8n: `make test-n8n`. Not part of the suite, for n8n takes 3 GB and minutes."""

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ige_pipeline.delivery.deliver import deliver
from ige_pipeline.delivery.endpoint import Target, WebhookEndpoint
from ige_pipeline.delivery.reply import Answered, Reply
from ige_pipeline.delivery.tally import DeliveryReport
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import NOON, make_lease
from ige_pipeline_tests.delivery.outboxes import attempts, message, waiting
from ige_pipeline_tests.n8n.real_n8n import TOKEN, Provider, n8n, provider

INSTALLED = Path(os.environ["IGE_TEST_N8N"])


@pytest.fixture(scope="module")
def sms() -> Iterator[Provider]:
    with provider() as standing_in:
        yield standing_in


@pytest.fixture(scope="module")
def address(sms: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with n8n(INSTALLED, tmp_path_factory.mktemp("n8n"), sms.url) as address:
        yield address


@pytest.fixture(autouse=True)
def a_provider_that_takes_everything(sms: Provider) -> None:
    sms.status, sms.headers = 201, {}
    sms.took.clear()


def run(url: str, webhook: str, *, auth: str = TOKEN, kind: str = "flat") -> DeliveryReport:
    settings = Settings(messages_per_second=1000, webhook_format=kind)
    target = Target(webhook, auth_header=auth, kind=settings.webhook_format)
    with connect(url) as conn:
        return deliver(conn, WebhookEndpoint(target), settings, run_id="n8n")


@pytest.mark.parametrize("kind", ["flat", "ghl"])
def test_a_message_reaches_the_provider_once_under_its_key(
    conn: Connection, database_url: str, address: str, sms: Provider, kind: str
) -> None:
    ids = [waiting(conn) for _ in range(5)]

    report = run(database_url, f"{address}/webhook/sms-outbound", kind=kind)

    assert report.counts == {"Delivered": 5}
    keys = [str(message(conn, each)["idempotency_key"]) for each in ids]
    assert [key for key, _ in sms.took] == keys
    assert {body["body"] for _, body in sms.took} == {"Hi Ada, how did the call with the suppliers go?"}
    assert "accepted" in attempts(conn, ids[0])[0]["response"]


def test_a_repeat_is_answered_and_not_forwarded_even_twenty_at_once(address: str, sms: Provider) -> None:
    async def exchange() -> Reply:
        endpoint = WebhookEndpoint(Target(f"{address}/webhook/sms-outbound", auth_header=TOKEN))
        try:
            return await endpoint.post(make_lease(), key="the-same-key", now=NOON)
        finally:
            await endpoint.aclose()

    def post(_time: int) -> str:
        reply = asyncio.run(exchange())
        assert isinstance(reply, Answered)
        assert reply.status == 200
        return reply.body

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(20)))

    assert sms.times == {"the-same-key": 1}
    assert sum("accepted" in answer for answer in answers) == 1
    assert sum("repeat" in answer for answer in answers) == 19


def test_a_send_that_failed_is_not_remembered_and_is_sent_when_it_is_tried_again(
    conn: Connection, database_url: str, address: str, sms: Provider
) -> None:
    message_id, sms.status = waiting(conn), 500

    first = run(database_url, f"{address}/webhook/sms-outbound")
    sms.status = 201
    conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = NULL")
    second = run(database_url, f"{address}/webhook/sms-outbound")

    assert (first.counts, second.counts) == ({"Retry": 1}, {"Delivered": 1})
    assert list(sms.times.values()) == [2]
    assert [each["status_code"] for each in attempts(conn, message_id)] == [500, 200]


@pytest.mark.parametrize(
    ("outcome", "statuses"), [("Dead", (400, 422)), ("EndpointFault", (401, 404)), ("Retry", (302, 500, 503))]
)
def test_what_the_provider_says_is_passed_on(
    conn: Connection, database_url: str, address: str, sms: Provider, outcome: str, *, statuses: tuple[int, ...]
) -> None:
    for status in statuses:
        conn.execute("TRUNCATE ai_proactive_messages, ige_circuits")
        waiting(conn)
        sms.status = status

        assert run(database_url, f"{address}/webhook/sms-outbound").counts == {outcome: 1}


def test_a_provider_that_is_busy_says_when_to_come_back(
    conn: Connection, database_url: str, address: str, sms: Provider
) -> None:
    message_id = waiting(conn)
    sms.status, sms.headers = 429, {"Retry-After": "77"}

    run(database_url, f"{address}/webhook/sms-outbound")

    (attempt,) = attempts(conn, message_id)
    assert (attempt["outcome"], attempt["status_code"]) == ("Retry", 429)
    assert 70 < (attempt["next_attempt_at"] - attempt["ended_at"]).total_seconds() <= 77
    assert message(conn, message_id)["attempts"] == 0


def test_a_wrong_path_and_a_wrong_token_are_the_endpoints_fault(
    conn: Connection, database_url: str, address: str, sms: Provider
) -> None:
    message_id = waiting(conn)

    wrong_path = run(database_url, f"{address}/webhook/nowhere")
    conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = NULL")
    wrong_token = run(database_url, f"{address}/webhook/sms-outbound", auth="X-Webhook-Token: wrong")

    assert (wrong_path.fault, wrong_token.fault) == ("http_404", "http_403")
    assert message(conn, message_id)["attempts"] == 0
    assert sms.took == []


@pytest.mark.parametrize(
    ("content", "status"), [(b"{not json", 422), (b"{}", 422), (b'{"x": "' + b"x" * 17_000_000 + b'"}', 500)]
)
def test_what_n8n_answers_to_a_body_that_we_never_send(
    address: str, sms: Provider, content: bytes, status: int
) -> None:
    headers = {"content-type": "application/json", "webhook-id": "k", "X-Webhook-Token": "only-for-this-test"}

    answer = httpx.post(f"{address}/webhook/sms-outbound", content=content, headers=headers, timeout=30)

    assert answer.status_code == status
    assert sms.took == []
