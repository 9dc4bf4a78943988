"""The sandbox receiver: what it takes, what it turns away, and what it shows."""

import socket
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ige_pipeline.local.inbox import Inbox
from ige_pipeline.local.receiver import WEBHOOK_PATH, Receiver, main
from ige_pipeline.refusal import Refusal


def make_body(**overrides: Any) -> dict[str, Any]:
    return {
        "phone": "+1-305-555-0112",
        "message": "Hi Maria, how is the roof coming along?",
        "contractor_id": 7,
        "message_type": "check_in",
        "message_id": 41,
        "contractor_name": "Maria Delgado",
        "ai_reasoning": "Goal #3 has an open item.",
        **overrides,
    }


def make_nested() -> dict[str, Any]:
    flat = make_body()
    return {
        "send_via_ghl": {
            "phone": flat.pop("phone"),
            "message": flat.pop("message"),
            "from_name": "Concierge",
            "timestamp": "2026-03-08T10:00:00Z",
        },
        "metadata": {**flat, "source": "ige_pipeline"},
    }


def make_client(folder: Path, **options: Any) -> TestClient:
    return TestClient(Receiver(Inbox(folder / "texts.jsonl"), **options).app(), base_url="http://127.0.0.1")


def test_a_text_arrives_and_is_shown(tmp_path: Path) -> None:
    client = make_client(tmp_path)

    answer = client.post(WEBHOOK_PATH, json=make_body(), headers={"webhook-id": "a"})

    assert (answer.status_code, answer.json()) == (200, {"received": True, "repeat": False})
    assert [text["body"] for text in client.get("/messages.json").json()] == [make_body()]
    assert "how is the roof coming along?" in client.get("/").text


def test_the_nested_body_is_shown_like_the_flat_one(tmp_path: Path) -> None:
    client = make_client(tmp_path)

    client.post(WEBHOOK_PATH, json=make_nested())

    assert client.get("/messages.json").json()[0]["body"] == make_body()


def test_a_repeat_is_answered_200_and_shown_once(tmp_path: Path) -> None:
    client = make_client(tmp_path)

    answers = [client.post(WEBHOOK_PATH, json=make_body(), headers={"webhook-id": "a"}) for _ in range(3)]

    assert [answer.json()["repeat"] for answer in answers] == [False, True, True]
    assert [text["repeats"] for text in client.get("/messages.json").json()] == [2]
    assert client.get("/").text.count("<article>") == 1


def test_texts_and_repeats_survive_a_restart_that_cut_a_line_off(tmp_path: Path) -> None:
    before = make_client(tmp_path)
    for key in ("a", "a", "b"):
        before.post(WEBHOOK_PATH, json=make_body(), headers={"webhook-id": key})
    with (tmp_path / "texts.jsonl").open("a") as file:
        file.write('{"key": "c", "arri')

    make_client(tmp_path).post(WEBHOOK_PATH, json=make_body(), headers={"webhook-id": "d"})

    found = [(text["key"], text["repeats"]) for text in make_client(tmp_path).get("/messages.json").json()]
    assert found == [("d", 0), ("b", 0), ("a", 1)]


@pytest.mark.parametrize("field", make_body())
def test_a_missing_field_is_named(tmp_path: Path, field: str) -> None:
    body = {name: value for name, value in make_body().items() if name != field}

    answer = make_client(tmp_path).post(WEBHOOK_PATH, json=body)

    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]


@pytest.mark.parametrize(
    "wrong",
    [{"contractor_id": "7"}, {"message_id": True}, {"phone": None}, {"message": ""}, {"extra": 1}, {"message_type": 3}],
)
def test_a_field_of_the_wrong_type_or_one_too_many_is_named(tmp_path: Path, wrong: dict[str, Any]) -> None:
    answer = make_client(tmp_path).post(WEBHOOK_PATH, json=make_body(**wrong))

    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == list(wrong)


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe", b"phone=1"])
def test_what_is_not_json_is_unprocessable(tmp_path: Path, content: bytes) -> None:
    assert make_client(tmp_path).post(WEBHOOK_PATH, content=content).status_code == 422


@pytest.mark.parametrize("body", [[], "text", 3])
def test_json_that_is_no_object_is_a_wrong_body(tmp_path: Path, body: Any) -> None:
    assert make_client(tmp_path).post(WEBHOOK_PATH, json=body).status_code == 400


def test_a_wrong_path_or_method_is_not_found_as_in_n8n(tmp_path: Path) -> None:
    client = make_client(tmp_path)

    assert client.post("/webhook/other", json=make_body()).status_code == 404
    assert client.get(WEBHOOK_PATH).status_code == 404


def test_a_number_can_be_made_to_fail(tmp_path: Path) -> None:
    client = make_client(tmp_path, faults={"+1-305-555-0112": 500})

    assert client.post(WEBHOOK_PATH, json=make_body()).status_code == 500
    assert client.post(WEBHOOK_PATH, json=make_body(phone="+1-305-555-0113")).status_code == 200
    assert client.get("/healthz").json()["texts"] == 1


def test_markup_in_a_text_is_shown_as_text(tmp_path: Path) -> None:
    client = make_client(tmp_path)

    client.post(WEBHOOK_PATH, json=make_body(message="<script>$x</script>", contractor_name="<b>", ai_reasoning=None))

    page = client.get("/")
    assert "<script" not in page.text
    assert "&lt;script&gt;$x" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_a_page_from_elsewhere_cannot_reach_it_by_a_name_of_its_own(tmp_path: Path) -> None:
    client = TestClient(Receiver(Inbox(tmp_path / "texts.jsonl")).app(), base_url="http://evil.example")

    assert client.get("/messages.json").status_code == 400


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example", ""])  # noqa: S104 - refused
def test_it_refuses_to_listen_anywhere_but_on_loopback(tmp_path: Path, host: str) -> None:
    with pytest.raises(Refusal, match="this machine only"):
        main(["--host", host, "--port", str(free_port()), "--state", str(tmp_path)])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
