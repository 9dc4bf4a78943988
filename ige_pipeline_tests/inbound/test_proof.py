"""Whom we believe: each of the three proofs by the reference that made it, and nothing that was touched on its way."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from ige_pipeline.inbound.proof import Credentials, Request, check, proven_by
from ige_pipeline.refusal import Refusal

NOW = datetime(2026, 3, 8, 12, tzinfo=UTC)
TOKEN = "a-token-that-nobody-guesses"
SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()
BODY = json.dumps({"from": "+12125550100", "text": "Yes"}).encode()
ALL = Credentials(TOKEN, SECRET, twilio_token="twilio-s-own-token", public_url="https://ige.example.com/")
FIELDS = (("From", "+12125550100"), ("Body", "STOP"), ("MessageSid", "SM1"), ("Empty", ""))


def make_request(**over: Any) -> Request:
    return Request(**({"headers": {}, "target": "/replies", "body": BODY} | over))


def signed(body: bytes = BODY, *, at: datetime = NOW, secret: str = SECRET) -> dict[str, str]:
    signature = Webhook(secret).sign("msg_1", at, body.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def by_twilio(key: str = ALL.twilio_token) -> dict[str, str]:
    told = "https://ige.example.com/replies?k=1" + "".join(name + value for name, value in sorted(FIELDS))
    return {"x-twilio-signature": base64.b64encode(hmac.digest(key.encode(), told.encode(), hashlib.sha1)).decode()}


@pytest.mark.parametrize(
    "headers", [{"authorization": f"Bearer {TOKEN}"}, {"authorization": f"bearer  {TOKEN}"}, {"x-webhook-token": TOKEN}]
)
def test_a_token_proves_its_sender(headers: dict[str, str]) -> None:
    assert proven_by(make_request(headers=headers), ALL, now=NOW) == "token"


@pytest.mark.parametrize(
    "said", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "ü"]
)
def test_no_token_and_another_one_prove_nothing(said: str) -> None:
    assert proven_by(make_request(headers={"authorization": said}), ALL, now=NOW) is None


def test_both_tokens_hold_while_they_rotate() -> None:
    both = Credentials(tokens=f"{TOKEN} another-token-of-theirs")

    for token in both.tokens.split():
        assert proven_by(make_request(headers={"x-webhook-token": token}), both, now=NOW) == "token"
    assert proven_by(make_request(headers={"x-webhook-token": both.tokens}), both, now=NOW) is None


def test_a_signature_of_the_reference_proves_its_sender() -> None:
    assert proven_by(make_request(headers=signed()), ALL, now=NOW) == "signature"
    assert proven_by(make_request(headers=signed()), ALL, now=NOW + timedelta(minutes=5)) == "signature"


def test_a_signature_over_something_else_or_of_another_time_proves_nothing() -> None:
    other = "whsec_" + base64.b64encode(b"t" * 24).decode()

    assert proven_by(make_request(headers=signed(), body=BODY + b" "), ALL, now=NOW) is None
    assert proven_by(make_request(headers=signed() | {"webhook-id": "msg_2"}), ALL, now=NOW) is None
    assert proven_by(make_request(headers=signed(secret=other)), ALL, now=NOW) is None
    for minutes in (-6, 6):
        assert proven_by(make_request(headers=signed()), ALL, now=NOW + timedelta(minutes=minutes)) is None


@pytest.mark.parametrize("time", ["", "soon", "-1", "9" * 400, "1e9", "²"])
def test_a_signature_without_a_time_proves_nothing(time: str) -> None:
    assert proven_by(make_request(headers=signed() | {"webhook-timestamp": time}), ALL, now=NOW) is None


def test_twilio_s_signature_proves_its_sender_whatever_the_order_of_its_fields() -> None:
    for fields in (FIELDS, FIELDS[::-1]):
        request = make_request(headers=by_twilio(), target="/replies?k=1", fields=fields)
        assert proven_by(request, ALL, now=NOW) == "twilio"


def test_a_body_that_is_no_form_needs_its_digest_in_the_address_that_twilio_signed() -> None:
    for digest, proof in ((hashlib.sha256(BODY).hexdigest(), "twilio"), (hashlib.sha256(b"x").hexdigest(), None)):
        target = f"/replies?bodySHA256={digest}"
        told = hmac.digest(ALL.twilio_token.encode(), f"https://ige.example.com{target}".encode(), hashlib.sha1)
        headers = {"x-twilio-signature": base64.b64encode(told).decode()}
        assert proven_by(make_request(headers=headers, target=target), ALL, now=NOW) == proof
    told = hmac.digest(ALL.twilio_token.encode(), b"https://ige.example.com/replies", hashlib.sha1)
    unsigned = {"x-twilio-signature": base64.b64encode(told).decode()}
    assert proven_by(make_request(headers=unsigned), ALL, now=NOW) is None


def test_twilio_s_own_example_holds() -> None:
    example = Credentials(twilio_token="12345", public_url="https://example.com")
    fields = (
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675310"),
        ("Digits", "1234"),
        ("From", "+14158675310"),
        ("To", "+18005551212"),
    )
    headers = {"x-twilio-signature": "L/OH5YylLD5NRKLltdqwSvS0BnU="}

    assert proven_by(make_request(headers=headers, target="/myapp.php?foo=1&bar=2", fields=fields), example, now=NOW)


@pytest.mark.parametrize("touched", [{"target": "/replies"}, {"fields": FIELDS[1:]}, {"headers": by_twilio("another")}])
def test_what_twilio_did_not_sign_proves_nothing(touched: dict[str, Any]) -> None:
    request = {"headers": by_twilio(), "target": "/replies?k=1", "fields": FIELDS} | touched

    assert proven_by(make_request(**request), ALL, now=NOW) is None


def test_without_credentials_nothing_proves_anything() -> None:
    nothing = Credentials()

    for headers in ({}, {"authorization": "Bearer "}, {"x-webhook-token": ""}, signed(), by_twilio()):
        assert proven_by(make_request(headers=headers, fields=FIELDS), nothing, now=NOW) is None


@pytest.mark.parametrize(
    ("credentials", "sentence"),
    [
        (Credentials(), "IGE_INBOUND_TOKEN, IGE_INBOUND_SECRET or"),
        (Credentials(tokens="short"), "too short"),
        (Credentials(secrets="whsec_?"), "IGE_INBOUND_SECRET is not"),
        (Credentials(twilio_token="x" * 32), "IGE_PUBLIC_URL is not set"),
    ],
)
def test_credentials_that_are_missing_or_malformed_are_refused_unseen(credentials: Credentials, sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence) as refused:
        check(credentials)

    assert "short " not in str(refused.value)
    assert "?" not in str(refused.value)
