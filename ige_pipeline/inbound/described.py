"""What `/openapi.json` says of this room's routes."""

from typing import Any

_TEXT = {"type": "string"}
_SOME = _TEXT | {"pattern": "[A-Za-z0-9]"}
_REPLY = {
    "type": "object",
    "required": ["from", "text"],
    "properties": {
        "provider_id": _TEXT | {"description": "The provider's id of the text; the same id twice is one reply."},
        "from": _SOME | {"description": "The number that wrote, best as E.164."},
        "to": _TEXT,
        "text": _TEXT,
        "media": {"type": "integer", "minimum": 0},
        "opt_out_type": _TEXT
        | {"description": "STOP, START or HELP where the provider has recognised and answered it."},
    },
}
_TWILIO = {
    "type": "object",
    "required": ["From", "Body"],
    "properties": dict.fromkeys(("MessageSid", "To", "Body", "NumMedia", "OptOutType"), _TEXT) | {"From": _SOME},
}
_RECEIPT = {
    "type": "object",
    "required": ["provider_id", "status"],
    "properties": {
        "provider_id": _SOME | {"description": "The provider's id of the text that we sent."},
        "status": _TEXT | {"description": "queued, sent, delivered, undelivered or failed; any other word is kept."},
        "code": _TEXT | {"description": "The provider's code for what went wrong: 21610, 30003, 30006, 30007 …"},
        "to": _TEXT | {"description": "The number that it went to."},
        "message_id": {"type": ["integer", "string"], "description": "Our id, as it was posted with the message."},
        "key": _TEXT | {"description": "Its idempotency key; a wrong one makes message_id count for nothing."},
    },
}
_TWILIO_STATUS = {
    "type": "object",
    "required": ["MessageSid", "MessageStatus"],
    "properties": dict.fromkeys(("MessageStatus", "ErrorCode", "To", "From"), _TEXT) | {"MessageSid": _SOME},
}
_TAKEN_RECEIPT = {
    "type": "object",
    "required": ["id", "status", "repeat", "message_id", "done"],
    "properties": {
        "id": {"type": ["integer", "null"]},
        "status": _TEXT,
        "repeat": {"type": "boolean"},
        "message_id": {"type": ["integer", "null"]},
        "done": {"enum": ["", "told", "suppressed", "sent_again", "left", "stopped"]},
    },
}
_TAKEN = {
    "type": "object",
    "required": ["id", "meaning", "repeat", "answer", "flag"],
    "properties": {
        "id": {"type": "integer"},
        "meaning": {"enum": ["reply", "opt_out", "opt_in", "help", "unreadable"]},
        "repeat": {"type": "boolean"},
        "contractor_id": {"type": ["integer", "null"]},
        "message_id": {"type": ["integer", "null"]},
        "answer": {"type": ["string", "null"], "description": "Text this back, once."},
        "cancelled": {"type": "integer"},
        "flag": {"type": ["string", "null"], "description": "Why a person should look at it."},
    },
}
_REFUSED = {
    "401": {"description": "Nothing proves who sends this."},
    "408": {"description": "The body did not come in time."},
    "413": {"description": "The body is longer than 64 kB."},
    "503": {"description": "The database does not answer: send it again."},
}


def body(json: dict[str, Any], form: dict[str, Any]) -> dict[str, Any]:
    """Describe a body that may come as JSON or as a form."""
    kinds = {"application/json": {"schema": json}, "application/x-www-form-urlencoded": {"schema": form}}
    return {"required": True, "content": kinds}


def answers(taken: dict[str, Any]) -> dict[str, Any]:
    """Describe what is answered: JSON, and TwiML to a form."""
    kept, unread = (
        {"application/json": {"schema": schema}, "text/xml": {"schema": _TEXT}} for schema in (taken, _TAKEN)
    )
    return {
        "200": {"description": "It is kept.", "content": kept},
        "422": {"description": "It is kept for a person, but cannot be read.", "content": unread},
    } | _REFUSED


DESCRIBED = {
    "/replies": {
        "post": {
            "summary": "A text that somebody sent us.",
            "requestBody": body(_REPLY, _TWILIO),
            "responses": answers(_TAKEN),
        }
    },
    "/receipts": {
        "post": {
            "summary": "What became of a text that we sent.",
            "parameters": [
                {"name": name, "in": "query", "required": False, "schema": _TEXT} for name in ("message_id", "key")
            ],
            "requestBody": body(_RECEIPT, _TWILIO_STATUS),
            "responses": answers(_TAKEN_RECEIPT),
        }
    },
}
