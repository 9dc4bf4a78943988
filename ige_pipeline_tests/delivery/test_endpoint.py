import asyncio
import base64
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from ige_pipeline.delivery.address import Gate
from ige_pipeline.delivery.endpoint import WebhookEndpoint
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.payload import body
from ige_pipeline.delivery.reply import Answered, Broken, Lost, Refused, Reply, TooLate, Unreached
from ige_pipeline.delivery.target import Target, check_target
from ige_pipeline.refusal import Refusal
from ige_pipeline_tests.delivery.fakes import NOON, make_lease
from ige_pipeline_tests.delivery.loopback import Talk, receiving, talking

TIMEOUT_S = 0.3
SECRET = "whsec_" + base64.b64encode(b"a new secret of 24 bytes").decode()
CERTIFICATE = Path(__file__).with_name("self_signed.pem")
HEAD_200 = b"HTTP/1.1 200 OK\r\n\r\n"
EMPTY_200 = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def post(url: str, lease: Lease | None = None, **over: Any) -> Reply:
    return posts(url, [lease or make_lease()], **over)[0]


def posts(url: str, leases: Iterable[Lease], **over: Any) -> list[Reply]:
    """Post over one endpoint, one message after the other."""

    async def talk() -> list[Reply]:
        endpoint = WebhookEndpoint(Target(url, **({"timeout_s": TIMEOUT_S} | over)))
        try:
            return [await endpoint.post(lease, key="key-1", now=NOON, in_time=lambda: True) for lease in leases]
        finally:
            await endpoint.aclose()

    return asyncio.run(talk())


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def posted_to(script: Callable[[Talk], None], **over: Any) -> Reply:
    with talking(script) as (url, _), at_most(2.5):
        return post(url, **over)


def test_a_message_arrives_once_under_its_key_as_json() -> None:
    with receiving() as receiver:
        reply = post(receiver.url)

    assert isinstance(reply, Answered)
    assert [key for key, _ in receiver.posts] == ["key-1"]
    assert receiver.posts[0][1] == body(make_lease(), kind="flat", now=NOON)


def test_nothing_is_sent_that_is_not_in_time_once_connected_and_the_connection_is_kept() -> None:
    answers = iter([False, True])

    async def twice(url: str) -> list[Reply]:
        endpoint = WebhookEndpoint(Target(url, timeout_s=TIMEOUT_S))
        try:
            with pytest.raises(TooLate):
                await endpoint.post(make_lease(), key="late", now=NOON, in_time=lambda: next(answers))
            return [await endpoint.post(make_lease(), key="in time", now=NOON, in_time=lambda: next(answers))]
        finally:
            await endpoint.aclose()

    # It serves one connection only.
    with talking(lambda talk: talk.say(EMPTY_200)) as (url, asked):
        (reply,) = asyncio.run(twice(url))

    assert isinstance(reply, Answered)
    assert [head.count(b"in time") for head in asked] == [2]


def test_headers_carry_the_key_twice_the_auth_header_and_a_signature_that_verifies() -> None:
    with talking(lambda talk: talk.say(EMPTY_200)) as (url, asked):
        post(url, secrets=SECRET, auth_header="X-Api-Key:  hunter2 ")

    head, _, text = asked[0].partition(b"\r\n\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.decode().split("\r\n"))}
    assert headers["webhook-id"] == headers["idempotency-key"] == "key-1"
    assert headers["x-api-key"] == "hunter2"
    assert headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    assert headers["content-type"] == "application/json"
    signed = f"key-1.{headers['webhook-timestamp']}.{text.decode()}"
    assert headers["webhook-signature"] == f"v1,{digest(signed)}"


def digest(signed: str) -> str:
    key, _, text = signed.split(".", 2)
    return Webhook(SECRET).sign(key, NOON, text).removeprefix("v1,")


def test_a_password_in_the_address_is_sent_as_one_and_a_header_that_is_given_is_the_only_one_of_its_name() -> None:
    with talking(lambda talk: talk.say(EMPTY_200)) as (url, asked):
        post(url.replace("://", "://ada:secret@"), auth_header="User-Agent: ours")

    lines = asked[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert [line for line in lines if line.lower().startswith("user-agent")] == ["User-Agent: ours"]
    assert "Authorization: Basic " + base64.b64encode(b"ada:secret").decode() in lines


@pytest.mark.parametrize("status", [201, 204, 400, 404, 429, 500])
def test_an_answer_is_reported_as_it_came(status: int) -> None:
    with receiving(lambda _body: status) as receiver:
        reply = post(receiver.url)

    assert isinstance(reply, Answered)
    assert reply.status == status


def test_a_redirect_is_not_followed() -> None:
    with receiving() as elsewhere:
        moved = f"HTTP/1.1 302 Found\r\nlocation: {elsewhere.url}\r\ncontent-length: 0\r\n\r\n".encode()
        reply = posted_to(lambda talk: talk.say(moved))

    assert isinstance(reply, Answered)
    assert reply.status == 302
    assert elsewhere.posts == []


def test_a_name_that_does_not_resolve_is_the_endpoints_fault() -> None:
    assert post("http://nowhere.invalid/webhook") == Broken("dns_error")


def test_a_closed_port_means_that_nothing_left() -> None:
    with talking(lambda _talk: None) as (url, _):
        pass

    assert post(url) == Unreached("ClientConnectorError")


def test_a_certificate_that_nobody_vouches_for_is_the_endpoints_fault() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with receiving(context=context) as receiver:
        reply = post(receiver.url.replace("http://", "https://"))

    assert reply == Broken("tls_error")
    assert receiver.posts == []


def test_a_server_without_tls_is_the_endpoints_fault() -> None:
    with talking(lambda talk: talk.say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), listens=False) as (url, _):
        reply = post(url.replace("http://", "https://"))

    assert reply == Broken("tls_error")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda talk: talk.reset(), id="reset after the request"),
        pytest.param(lambda _talk: None, id="closed without a word"),
        pytest.param(lambda _talk: time.sleep(0.6), id="slow beyond the time-out"),
        pytest.param(lambda talk: talk.say(*[b"H"] * 100, every_s=0.05), id="a byte at a time"),
        pytest.param(
            lambda talk: talk.say(b"HTTP/1.1 200 OK\r\n", *[b"x: y\r\n"] * 80, every_s=0.05), id="slow headers"
        ),
        pytest.param(lambda talk: talk.say(b"\x16\x03\x01 what is this?\r\n\r\n"), id="garbage"),
        pytest.param(lambda talk: talk.say(b"HTTP/1.1 999999 What\r\n\r\n"), id="no such status"),
        pytest.param(
            lambda talk: talk.say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
            id="head and broken body in one breath",
        ),
        pytest.param(lambda talk: talk.say(b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 300_000), id="endless header"),
    ],
)
def test_a_request_that_left_without_an_answer_is_lost_and_the_run_goes_on_in_time(
    script: Callable[[Talk], None],
) -> None:
    assert isinstance(posted_to(script), Lost)


@pytest.mark.parametrize(
    ("head", "parts", "every_s"),
    [
        pytest.param(b"", [b"z"] * 80, 0.05, id="slow body"),
        pytest.param(b"content-length: 99\r\n", [b"z"], 0.0, id="cut off"),
        pytest.param(b"transfer-encoding: chunked\r\n", [b"zz\r\nnot a chunk"], 0.05, id="broken chunks"),
        pytest.param(b"content-encoding: gzip\r\n", [b"not gzip"], 0.0, id="not what it says"),
    ],
)
def test_once_the_status_has_come_nothing_in_the_body_makes_it_unknown(
    head: bytes, parts: list[bytes], every_s: float
) -> None:
    reply = posted_to(lambda talk: talk.say(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", *parts, every_s=every_s))

    assert isinstance(reply, Answered)
    assert reply.status == 200
    assert len(reply.body) <= 2048


def test_of_an_answer_without_end_no_more_is_read_than_is_kept() -> None:
    poured = count()

    reply = posted_to(lambda talk: talk.pour(chain([HEAD_200], (b"z" * 65_536 for _ in poured))), timeout_s=2)

    assert isinstance(reply, Answered)
    assert len(reply.body) == 2048
    assert next(poured) < 100, "What fits into the buffers between us has been sent, and then no more."


def test_what_postgres_cannot_store_is_taken_out_of_an_answer() -> None:
    reply = posted_to(lambda talk: talk.say(b"HTTP/1.1 500 Oh\r\ncontent-length: 6\r\n\r\na\0b\xff\xfec"))

    assert isinstance(reply, Answered)
    assert reply.body == "a\ufffdb\ufffd\ufffdc"


def test_one_endpoint_serves_many_messages_and_survives_the_bad_ones() -> None:
    answers = iter([EMPTY_200, b"garbage\r\n\r\n", EMPTY_200])
    with talking(lambda talk: talk.say(next(answers))) as (url, _):
        replies = [type(each) for each in posts(url, [make_lease()] * 3)]

    assert replies == [Answered, Lost, Answered]


@pytest.mark.parametrize(
    "url", ["", "host/path", "ftp://host/path", "http://", "http:///path", "https://[::1/x", "http://h:port/", "\0"]
)
def test_what_is_no_web_address_is_refused_before_any_message_is_touched(url: str) -> None:
    with pytest.raises(Refusal, match="N8N_OUTBOUND_WEBHOOK_URL is not a web address: "):
        check_target(Target(url))


@pytest.mark.parametrize("header", ["hunter2", ": hunter2", "X-Key:", "X Key: hunter2", "X-Key: hun\nter2", "X-Key: ä"])
def test_an_auth_header_that_could_not_be_sent_is_refused_and_not_shown(header: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_target(Target("https://host/path", auth_header=header))

    assert str(refused.value) == "IGE_WEBHOOK_AUTH_HEADER is not a header: write it as `Name: value`."


def test_a_secret_that_cannot_sign_is_refused_before_any_message_is_touched() -> None:
    with pytest.raises(Refusal, match="IGE_WEBHOOK_SECRET"):
        check_target(Target("https://host/path", secrets="whsec_not-base64!"))


def test_neither_secrets_nor_a_password_in_the_address_can_be_seen() -> None:
    target = Target("https://user:hunter2@host:8443/secret-path", auth_header="X-Key: hunter2", secrets=SECRET)

    assert target.host == "host:8443"
    assert "hunter2" not in target.host
    assert SECRET not in repr(target)
    assert "hunter2" not in repr(target)


@given(st.text())
def test_no_text_at_all_makes_the_check_fail_in_another_way(url: str) -> None:
    with suppress(Refusal):
        check_target(Target(url, auth_header=url, secrets=url))


@pytest.mark.parametrize("kind", ["flat", "ghl"])
def test_the_number_goes_out_as_stored_or_as_e164_and_one_that_has_no_such_form_does_not_go(
    kind: Literal["flat", "ghl"],
) -> None:
    stored = [make_lease(phone=each) for each in ("(212) 555-0107", "+44 20 7900 0001", "555-0107")]
    with receiving() as receiver:
        as_stored = posts(receiver.url, stored, kind=kind)
        e164 = posts(receiver.url, stored, kind=kind, e164_region="US")

    bodies = [body.get("send_via_ghl", body) for _, body in receiver.posts]
    assert [each["phone"] for each in bodies] == [each.phone for each in stored] + ["+12125550107", "+442079000001"]
    assert all(isinstance(each, Answered) for each in [*as_stored, *e164[:2]])
    assert e164[2] == Refused("no_e164")


def test_a_payload_of_twenty_kilobytes_is_not_posted() -> None:
    with receiving() as receiver:
        fits, does_not = posts(receiver.url, [make_lease(message="x" * 19_000), make_lease(message="x" * 20_000)])

    assert isinstance(fits, Answered)
    assert does_not == Refused("payload_too_large")
    assert len(receiver.posts) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/webhook",
        "http://[fd00:ec2::254]/latest",
        "http://[::ffff:169.254.169.254]/",
        "http://100.100.100.200/x",
        "http://metadata.google.internal/x",
        "http://Metadata.Google.Internal./x",
        "http://instance-data/latest",
    ],
)
def test_a_clouds_metadata_service_is_refused_before_any_message_is_touched(url: str) -> None:
    with pytest.raises(Refusal, match="names a cloud's metadata service"):
        check_target(Target(url))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://0xA9FEA9FE/x", "forbidden_address"),
        ("http://2852039166/x", "invalid_url"),
        ("http://169.254.43518/x", "invalid_url"),
    ],
)
def test_another_spelling_of_such_an_address_is_found_out_before_anything_leaves(url: str, reason: str) -> None:
    assert post(url) == Broken(reason)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "168.63.129.16",
        "fe80::1%eth0",
        "::ffff:169.254.0.1",
        "::169.254.169.254",
        "::ffff:0:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::100.100.100.200",
        # RFC 6052, 2.2, behind prefixes of 48, 56, 64 and 96 bits.
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b:1:00a9:fe:a9fe::",
        "64:ff9b:1:0:a9:fea9:fe00:0",
        "64:ff9b:1::169.254.169.254",
        "2002:a9fe:a9fe::1",
    ],
)
def test_a_name_that_turns_out_to_be_such_an_address_gets_no_socket(address: str) -> None:
    gate = Gate()

    with pytest.raises(PermissionError):
        gate.open((socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)))
    assert gate.refused


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "192.168.1.2", "172.17.0.1", "100.64.0.1", "8.8.8.8"])
def test_private_addresses_are_allowed_since_n8n_is_often_next_door(address: str) -> None:
    with Gate().open((socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 5678))) as made:
        assert made.gettimeout() == 0


def test_a_server_that_never_shakes_hands_got_nothing() -> None:
    with talking(lambda _talk: time.sleep(0.3), listens=False) as (url, _), at_most(2.5):
        assert post(url.replace("http://", "https://")) == Unreached("ConnectionTimeoutError")
