"""What a provider says of a number in the answer to a POST, with which it refuses the text. Values in, values out."""

import json

from ige_pipeline.delivery.outcome import Dead
from ige_pipeline.delivery.reply import Answered
from ige_pipeline.delivery.settlement import Ended

_NAMES = ("provider_code", "code", "error_code")
"""Ours, as deploy/n8n passes it on, and the providers' own (https://www.twilio.com/docs/usage/twilios-response)."""


def refused_with(ended: Ended) -> str:
    """Return the code with which a message was refused for good; empty where there is none."""
    reply = ended.sent.reply if ended.sent is not None else None
    if not isinstance(ended.outcome, Dead) or not isinstance(reply, Answered):
        return ""
    try:
        said = json.loads(reply.body)
    except ValueError:
        return ""
    codes = [said.get(name) for name in _NAMES] if isinstance(said, dict) else []
    return next((str(code)[:40] for code in codes if isinstance(code, str | int) and code), "")
