"""The shipped workflow on a real n8n: `make test-n8n`. Not part of the suite, for n8n takes 3 GB and minutes."""

import asyncio
import json
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ige_pipeline.delivery.deliver import deliver
from ige_pipeline.delivery.endpoint import WebhookEndpoint
from ige_pipeline.delivery.reply import Answered, Reply
from ige_pipeline.delivery.tally import DeliveryReport
from ige_pipeline.delivery.target import Target
from ige_pipeline.inbound.proof import Credentials
from ige_pipeline.inbound.routes import Inbound
from ige_pipeline.inbound.take_refusal import take_refusal
from ige_pipeline.postgres.connection import Connection, connect, open_pool
from ige_pipeline.serve.app import application
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import NOON, make_lease
from ige_pipeline_tests.delivery.outboxes import attempts, message, waiting
from ige_pipeline_tests.factories import one
from ige_pipeline_tests.inbound.letters import NUMBER, suppressed, waiting_for_answer
from ige_pipeline_tests.n8n.real_n8n import INBOUND_TOKEN, SECRET, TOKEN, Provider, n8n, provider

WRONG_SECRET = "whsec_" + "QUJD" * 8
INSTALLED = Path(os.environ["IGE_TEST_N8N"])


@dataclass
class Served:
    """An ASGI application whose inside is put in later; without one, it is broken."""

    app: ASGIApp | None = None
    address: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.app is None:
            await Response(status_code=503)(scope, receive, send)
            return
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def sms() -> Iterator[Provider]:
    with provider() as standing_in:
        yield standing_in


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """`ige serve` on a free port; each test puts its own database behind it."""
    served = Served()
    config = uvicorn.Config(served, log_level="warning", lifespan="off")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        served.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield served
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def address(sms: Provider, served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with n8n(INSTALLED, tmp_path_factory.mktemp("n8n"), sms.url, served.address) as address:
        yield address


@pytest.fixture
def heard(served: Served, database_url: str) -> Iterator[None]:
    """What comes back is taken into the test's database."""
    ours = Settings(opt_out_confirmation="ours", sender_name="Acme")
    with open_pool(database_url, size=4) as pool:
        served.app = application(pool, Inbound(pool, Credentials(tokens=INBOUND_TOKEN), lambda: ours).routes())
        yield
        served.app = None


def bring(address: str, *, query: str = "", **fields: str) -> httpx.Response:
    """Post to the workflow of the way back, as a provider does: a form."""
    name, _, value = TOKEN.partition(": ")
    return httpx.post(f"{address}/webhook/sms-inbound{query}", data=fields, headers={name: value}, timeout=30)


@pytest.fixture(autouse=True)
def a_provider_that_takes_everything(sms: Provider) -> None:
    sms.status, sms.headers, sms.says = 201, {}, {}
    sms.took.clear()


def run(url: str, webhook: str, *, auth: str = TOKEN, kind: str = "flat", secrets: str | None = None) -> DeliveryReport:
    settings = Settings(messages_per_second=1000, webhook_format=kind)
    target = Target(webhook, auth_header=auth, kind=settings.webhook_format, secrets=secrets)
    with connect(url) as conn:
        return deliver(conn, WebhookEndpoint(target), settings, run_id="n8n", take_refusal=take_refusal)


@pytest.mark.parametrize("kind", ["flat", "ghl"])
def test_a_message_reaches_the_provider_once_under_its_key(
    conn: Connection, database_url: str, address: str, sms: Provider, kind: str
) -> None:
    ids = [waiting(conn) for _ in range(5)]

    report = run(database_url, f"{address}/webhook/sms-outbound", kind=kind)

    assert report.counts == {"Delivered": 5}
    keys = [str(message(conn, each)["idempotency_key"]) for each in ids]
    # Several slots post at once: which of them arrives first is nobody's to say.
    assert sorted(key for key, _ in sms.took) == sorted(keys)
    assert {body["body"] for _, body in sms.took} == {"Hi Ada, how did the call with the suppliers go?"}
    assert "accepted" in attempts(conn, ids[0])[0]["response"]


def test_a_repeat_is_answered_and_not_forwarded_even_twenty_at_once(address: str, sms: Provider) -> None:
    async def exchange() -> Reply:
        endpoint = WebhookEndpoint(Target(f"{address}/webhook/sms-outbound", auth_header=TOKEN))
        try:
            return await endpoint.post(make_lease(), key="the-same-key", now=NOON, in_time=lambda: True)
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


@pytest.mark.parametrize("says", [{"code": 21610}, {"error_code": "21610"}])
def test_why_the_provider_refuses_a_number_is_passed_on(
    conn: Connection, database_url: str, address: str, sms: Provider, says: dict[str, Any]
) -> None:
    message_id = waiting(conn)
    sms.status, sms.says = 400, says

    run(database_url, f"{address}/webhook/sms-outbound")

    (attempt,) = attempts(conn, message_id)
    assert json.loads(attempt["response"])["provider_code"] == "21610"
    assert one(conn.execute("SELECT source FROM ige_suppressions"))["source"] == "provider"


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
    conn.execute("TRUNCATE ige_circuits")
    conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = NULL")
    wrong_token = run(database_url, f"{address}/webhook/sms-outbound", auth="X-Webhook-Token: wrong")

    assert (wrong_path.fault, wrong_token.fault) == ("http_404", "http_403")
    assert message(conn, message_id)["attempts"] == 0
    assert sms.took == []


@pytest.mark.parametrize("secrets", [SECRET, f"{WRONG_SECRET} {SECRET}", WRONG_SECRET, None])
def test_where_the_signature_is_checked_only_what_we_signed_is_forwarded(
    conn: Connection, database_url: str, address: str, sms: Provider, secrets: str | None
) -> None:
    message_id = waiting(conn, message_content="Hi Zo\u00eb \u2013 how did it go?")

    report = run(database_url, f"{address}/webhook/sms-signed", secrets=secrets)

    good = SECRET in (secrets or "")
    assert (report.fault, len(sms.took)) == ((None, 1) if good else ("http_401", 0))
    assert message(conn, message_id)["attempts"] == int(good)


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


@pytest.mark.usefixtures("heard")
def test_a_reply_comes_back_once_and_is_written_into_its_message(conn: Connection, address: str, sms: Provider) -> None:
    _, sent = waiting_for_answer(conn)

    answers = [bring(address, MessageSid="SM1", From=NUMBER, To="+12125550000", Body="Done, thanks") for _ in range(2)]

    assert [(each.status_code, each.json()) for each in answers] == [(200, {"status": "taken"})] * 2
    row = message(conn, sent)
    assert (row["contractor_response"], row["outcome_rating"]) == ("Done, thanks", 5)
    assert sms.took == []


@pytest.mark.usefixtures("heard")
def test_an_opt_out_is_obeyed_and_only_a_stranger_s_is_confirmed_through_n8n(
    conn: Connection, address: str, sms: Provider
) -> None:
    waiting_for_answer(conn)

    bring(address, MessageSid="SM2", From=NUMBER, Body="please stop")
    for _ in range(2):
        bring(address, MessageSid="SM3", From="+13055550123", Body="STOP")

    assert suppressed(conn)
    assert suppressed(conn, "+13055550123")
    ((key, body),) = sms.took
    assert key.startswith("ige-answer-")
    assert (body["to"], body["body"][:25]) == ("+13055550123", "Acme: You are unsubscribe")


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("wrapped", ["message", "body"])
def test_a_text_that_comes_with_a_status_is_a_reply_all_the_same(conn: Connection, address: str, wrapped: str) -> None:
    waiting_for_answer(conn)

    bring(address, **{"id": "7", "from": NUMBER, "status": "inbound", wrapped: "STOP"})

    assert suppressed(conn)


@pytest.mark.usefixtures("heard")
def test_a_receipt_finds_its_message_by_the_address_or_by_what_n8n_had_answered(
    conn: Connection, database_url: str, address: str
) -> None:
    first, second = waiting(conn, message_content="One"), waiting(conn, message_content="Two")
    run(database_url, f"{address}/webhook/sms-outbound")
    key = message(conn, first)["idempotency_key"]
    provider_id = json.loads(attempts(conn, second)[0]["response"])["provider_id"]
    phone = one(conn.execute("SELECT phone FROM contractors WHERE id = %s", [message(conn, second)["contractor_id"]]))

    query = f"?message_id={first}&key={key}"
    bring(address, query=query, MessageSid="SM-first", MessageStatus="delivered")
    bring(address, MessageSid=provider_id, MessageStatus="undelivered", ErrorCode="30005", To=phone["phone"])

    assert message(conn, first)["receipt_status"] == "delivered"
    assert (message(conn, second)["receipt_status"], message(conn, second)["receipt_code"]) == ("undelivered", "30005")


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize(
    "fields",
    [{"msisdn": NUMBER, "content": "STOP"}, {"from": NUMBER, "words": "STOP"}, {"From": NUMBER, "payload": "STOP"}],
    ids=" ".join,
)
def test_a_form_that_nobody_foresaw_loses_no_opt_out(
    conn: Connection, address: str, fields: dict[str, str], sms: Provider
) -> None:
    waiting_for_answer(conn)

    answer = bring(address, **fields)

    assert (answer.status_code, answer.json()["status"]) == (200, "taken")
    assert suppressed(conn)
    assert sms.took == []


@pytest.mark.usefixtures("heard")
def test_what_cannot_be_read_is_kept_for_a_person_and_not_asked_for_again(conn: Connection, address: str) -> None:
    answers = [bring(address, who=NUMBER, words="please STOP") for _ in range(2)]

    assert [(each.status_code, each.json()["status"]) for each in answers] == [(200, "taken")] * 2
    row = one(conn.execute("SELECT count(*) AS n, min(flag) AS flag, min(body) AS body FROM ige_inbound_messages"))
    assert (row["n"], row["flag"]) == (1, "unreadable")
    assert "please STOP" in row["body"]


def test_while_nobody_takes_it_the_provider_is_told_to_send_it_again(address: str) -> None:
    answer = bring(address, MessageSid="SM4", From=NUMBER, Body="STOP")

    assert (answer.status_code, answer.json()["status"]) == (503, "not taken")
