"""The two routes over HTTP: who may send, what is understood, and that nothing breaks or is lost."""

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow
from starlette.testclient import TestClient

from ige_pipeline.inbound.described import DESCRIBED
from ige_pipeline.inbound.proof import Credentials
from ige_pipeline.inbound.routes import Inbound
from ige_pipeline.postgres.connection import open_pool
from ige_pipeline.serve.app import application
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import one
from ige_pipeline_tests.inbound.letters import NUMBER, suppressed, waiting_for_answer

Conn = psycopg.Connection[DictRow]
TOKEN = "a-token-that-nobody-guesses"
TWILIO = "twilio-s-own-token"
BY_TOKEN = {"authorization": f"Bearer {TOKEN}"}
EXAMPLES = int(os.environ.get("IGE_TEST_EXAMPLES", "40"))


@pytest.fixture
def client(database_url: str) -> Iterator[TestClient]:
    credentials = Credentials(tokens=TOKEN, twilio_token=TWILIO, public_url="https://ige.example.com")
    ours = Settings(opt_out_confirmation="ours", sender_name="Acme")
    with open_pool(database_url, size=4) as pool:
        inbound = Inbound(pool, credentials, lambda: ours)
        yield TestClient(application(pool, inbound.routes(), described=DESCRIBED), base_url="http://127.0.0.1")


def by_twilio(fields: dict[str, str], path: str) -> dict[str, str]:
    told = f"https://ige.example.com{path}" + "".join(name + fields[name] for name in sorted(fields))
    signature = base64.b64encode(hmac.digest(TWILIO.encode(), told.encode(), hashlib.sha1)).decode()
    return {"x-twilio-signature": signature, "content-type": "application/x-www-form-urlencoded"}


def kept(conn: Conn) -> int:
    return int(one(conn.execute("SELECT count(*) AS n FROM ige_inbound_messages"))["n"])


def test_a_reply_as_json_is_taken_once(conn: Conn, client: TestClient) -> None:
    ada, sent = waiting_for_answer(conn)
    body = {"provider_id": "SM1", "from": NUMBER, "text": "Done, thanks"}

    first, again = (client.post("/replies", json=body, headers=BY_TOKEN) for _ in range(2))

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() | {"id": 0} == {
        "id": 0,
        "meaning": "reply",
        "repeat": False,
        "contractor_id": ada,
        "message_id": sent,
        "answer": None,
        "cancelled": 0,
        "flag": None,
    }
    assert again.json()["repeat"] is True
    assert kept(conn) == 1


def test_twilio_s_form_is_taken_and_answered_in_its_language(conn: Conn, client: TestClient) -> None:
    fields = {"MessageSid": "SM2", "From": NUMBER, "To": "+12125550000", "Body": "HELP & <more>", "NumMedia": "0"}
    helping = fields | {"MessageSid": "SM3", "Body": "help"}

    first = client.post("/replies", content=urlencode(fields), headers=by_twilio(fields, "/replies"))
    second = client.post("/replies", content=urlencode(helping), headers=by_twilio(helping, "/replies"))

    assert first.text == '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
    assert first.headers["content-type"].startswith("text/xml")
    assert "<Response><Message>Acme: These are texts" in second.text
    assert "Msg &amp; data" in second.text
    assert kept(conn) == 2


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"x-twilio-signature": "AAAA"}])
def test_who_proves_nothing_is_turned_away_and_nothing_is_kept(
    conn: Conn, client: TestClient, headers: dict[str, str]
) -> None:
    for content in (b"{}", b"\xff", json.dumps({"from": NUMBER, "text": "STOP"}).encode()):
        assert client.post("/replies", content=content, headers=headers).status_code == 401
    assert kept(conn) == 0
    assert not suppressed(conn)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"null", b'"STOP"', b"[" * 50_000, b"\xff\xfe\x00", b'{"a": ' + b"9" * 5000 + b"}"),
        *(b'[{"from": "1", "text": "STOP"}, {}]', b'{"a":{"b":{"c":{"d":{"text":"STOP"}}}}}', b'{"to": "+1"}'),
    ],
)
def test_what_cannot_be_read_is_kept_and_said_to_be_so(conn: Conn, client: TestClient, content: bytes) -> None:
    answer = client.post("/replies", content=content, headers=BY_TOKEN)

    assert (answer.status_code, answer.json()["flag"]) == (422, "unreadable")
    assert kept(conn) == 1
    body = one(conn.execute("SELECT body FROM ige_inbound_messages"))["body"]
    assert body == content.decode("cp1252") or not content.isascii()


@pytest.mark.parametrize(
    "body",
    [
        {"from": NUMBER, "text": "STOP\x00"},
        {"from": NUMBER, "text": "S\ud800TOP"},
        {"From": NUMBER, "Body": "STOP", "MessageSid": "x" * 5000},
        {"from": f"whatsapp:{NUMBER}", "text": "stop", "provider_id": None},
        {"from": "212-555-0199", "text": "\uff33\uff54\uff4f\uff50", "extra": {"deep": [1]}},
    ],
)
def test_an_opt_out_is_one_whatever_it_is_wrapped_in(conn: Conn, client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post("/replies", content=json.dumps(body), headers=BY_TOKEN)

    assert (answer.status_code, answer.json()["meaning"]) == (200, "opt_out")
    assert suppressed(conn)


@pytest.mark.parametrize(
    ("body", "flag"),
    [
        ({"from": NUMBER, "words": "STOP"}, "doubtful_opt_out"),
        ({"from": NUMBER, "payload": {"words": "please stop", "kind": "sms"}}, "doubtful_opt_out"),
        ({"msisdn": NUMBER, "content": "STOP"}, None),
        ({"originator": NUMBER, "MessageBody": "STOP"}, None),
    ],
)
def test_an_opt_out_under_a_name_that_nobody_foresaw_is_one(
    conn: Conn, client: TestClient, body: dict[str, Any], flag: str | None
) -> None:
    waiting_for_answer(conn)

    answer = client.post("/replies", json=body, headers=BY_TOKEN)

    assert (answer.status_code, answer.json()["meaning"], answer.json()["flag"]) == (200, "opt_out", flag)
    assert suppressed(conn)


def test_what_may_be_no_text_is_kept_for_a_person_and_tells_nothing(conn: Conn, client: TestClient) -> None:
    _, sent = waiting_for_answer(conn)

    answer = client.post("/replies", json={"from": NUMBER, "words": "thanks, great"}, headers=BY_TOKEN)

    row = one(conn.execute("SELECT * FROM ige_inbound_messages"))
    assert (answer.json()["flag"], row["body"], row["indicator"]) == ("no_text", "thanks, great", None)
    response = one(conn.execute("SELECT contractor_response FROM ai_proactive_messages WHERE id = %s", [sent]))
    assert response["contractor_response"] == "(no text)"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_another_encoding_is_read_as_far_as_it_goes(conn: Conn, client: TestClient, encoding: str) -> None:
    content = f'{{"from": "{NUMBER}", "text": "Arrêt"}}'.encode(encoding)

    assert client.post("/replies", content=content, headers=BY_TOKEN).json()["meaning"] == "opt_out"
    assert suppressed(conn)


def test_what_is_too_long_is_refused(conn: Conn, client: TestClient) -> None:
    answer = client.post("/replies", json={"from": NUMBER, "text": "x" * 70_000}, headers=BY_TOKEN)

    assert answer.status_code == 413
    assert kept(conn) == 0


def test_no_answer_and_no_address_shows_a_number_or_a_text(client: TestClient) -> None:
    answer = client.post("/replies", json={"from": NUMBER, "text": "A secret thing"}, headers=BY_TOKEN)

    assert "5550199" not in answer.text
    assert "secret" not in answer.text


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = ["from", "From", "text", "Body", "provider_id", "MessageSid", "to", "media", "NumMedia", "OptOutType", "status"]
NAMES += ["MessageStatus", "code", "ErrorCode", "message_id", "key", "id"]
TEXTS = st.text() | st.sampled_from([NUMBER, "STOP", "START", "yes", "help", "30007x", "21610", "delivered", "\0", "1"])
BODIES = (
    st.binary(max_size=300)
    | ANY.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from(NAMES), TEXTS | ANY).map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from(NAMES), st.text()).map(
        lambda value: urlencode({k: v.encode("utf-8", "replace") for k, v in value.items()}).encode()
    )
)
KINDS = st.sampled_from(
    ["application/json", "application/x-www-form-urlencoded", "text/plain", "", "application/json; charset=x", "?"]
)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(path=st.sampled_from(sorted(DESCRIBED)), sent=st.tuples(BODIES, KINDS, st.text(max_size=30)))
def test_no_body_is_too_odd_and_each_is_kept(
    client: TestClient, conn: Conn, path: str, sent: tuple[bytes, str, str]
) -> None:
    content, kind, query = sent
    headers = BY_TOKEN | {"content-type": kind}
    before = everything(conn)

    answer = client.post(path, content=content, headers=headers, params={"key": query} if query else None)

    assert answer.status_code in {200, 422}
    assert everything(conn) > before or repeat(answer)


def everything(conn: Conn) -> int:
    return kept(conn) + int(one(conn.execute("SELECT count(*) AS n FROM ige_receipts"))["n"])


def repeat(answer: Any) -> bool:
    return "json" not in answer.headers["content-type"] or bool(answer.json()["repeat"])
