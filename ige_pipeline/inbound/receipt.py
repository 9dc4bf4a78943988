"""What a provider's receipt says: its status in our words, and what its code asks for. Pure."""

from dataclasses import dataclass
from enum import StrEnum

STATUSES = {
    "accepted": "queued",
    "scheduled": "queued",
    "queued": "queued",
    "sending": "queued",
    "sent": "sent",
    "delivered": "delivered",
    "received": "delivered",
    "read": "delivered",
    "undelivered": "undelivered",
    "failed": "failed",
    "canceled": "failed",
    "cancelled": "failed",
}
"""A provider's word, in small letters, and ours (Twilio's are https://www.twilio.com/docs/messaging/api/message-resource)."""
RANK = {"queued": 1, "sent": 2, "undelivered": 3, "failed": 3, "delivered": 4}
"""A status only ever goes up: a receipt that was overtaken on its way changes nothing."""


class Call(StrEnum):
    """What a code asks for."""

    SUPPRESS = "suppress"
    SEND_AGAIN = "send_again"
    NEVER_AGAIN = "never_again"
    STOP = "stop"
    NOTHING = "nothing"


CODES = {"21610": Call.SUPPRESS, "30003": Call.SEND_AGAIN, "30006": Call.NEVER_AGAIN, "30007": Call.STOP}


@dataclass(frozen=True)
class Receipt:
    """What a provider said of one text. `status` is ours where we know the word, else the provider's own."""

    provider_id: str
    status: str
    code: str
    number: str
    message_id: int | None
    key: str

    @property
    def rank(self) -> int | None:
        """How far the text has come; None for a status that we do not know."""
        return RANK.get(self.status)

    @property
    def call(self) -> Call:
        """What is to be done; a text that got through asks for nothing."""
        return Call.NOTHING if self.status in {"queued", "sent", "delivered"} else CODES.get(self.code, Call.NOTHING)
