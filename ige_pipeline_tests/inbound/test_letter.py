"""What a provider posts: which of its fields count, wherever they stand."""

import json

import pytest

from ige_pipeline.inbound.letter import Fields, letter_of, read_body


def read(body: object, *, query: str = "") -> Fields:
    found = read_body(json.dumps(body).encode(), content_type="application/json", query=query)
    assert isinstance(found, Fields)
    return found


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("signed", ["from=%2B12125550100&text=hi&provider_id=1", "provider_id=1"])
def test_the_address_changes_nothing_of_what_was_signed(kind: str, signed: str) -> None:
    fields = dict(pair.split("=") for pair in signed.replace("%2B", "+").split("&"))
    body = json.dumps(fields) if kind == "application/json" else signed
    query = "from=%2B12125550111&text=START&provider_id=2&status=failed&code=30006&to=%2B12125550111"

    found = read_body(body.encode(), content_type=kind, query=query)

    assert isinstance(found, Fields)
    letter = letter_of(found)
    assert (letter.provider_id, letter.sender, letter.text) == ("1", fields.get("from", ""), fields.get("text", ""))
    assert (found.get("status"), found.get("code"), found.get("recipient")) == ("", "", "")


def test_the_address_may_say_which_message_a_receipt_is_about_only_with_its_key() -> None:
    assert read({}, query="message_id=7&key=abc").get("message_id") == "7"
    assert read({}, query="message_id=7").get("message_id") == ""
    assert read({"message_id": 8, "key": "own"}, query="message_id=7&key=abc").named["message_id"] == "8"


@pytest.mark.parametrize(
    "body",
    [
        {"from": "+12125550100", "message": {"type": 1, "body": "STOP"}},
        {"data": {"from": "+12125550100", "text": "STOP"}},
        {"from": "+12125550100", "text": "STOP", "message": {"text": "START"}},
        {"data": {"payload": {"from": {"phone": "+12125550100"}, "text": ["STOP"]}}},
        [[{"from": "+12125550100", "text": " ", "body": "STOP"}]],
    ],
)
def test_what_is_wrapped_is_read(body: object) -> None:
    letter = letter_of(read(body))

    assert (letter.sender, letter.text) == ("+12125550100", "STOP")
