"""The webhook: one POST in, one reply out. Nothing here decides what a reply means."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from ige_pipeline.delivery.payload import Sendable, body
from ige_pipeline.delivery.reply import Refused, Reply
from ige_pipeline.delivery.signature import sign
from ige_pipeline.delivery.target import Target, check_target
from ige_pipeline.safeguards.phone import read_phone

if TYPE_CHECKING:
    from ige_pipeline.delivery.transport import Transport

_AT_MOST_BYTES = 20_000


InTime = Callable[[], bool]


@dataclass(frozen=True)
class _Nothing:
    """A message to nobody that says nothing."""

    message_id: int = 0
    contractor_id: int | None = None
    contractor_name: str = ""
    phone: str = ""
    message: str = ""
    message_type: str = "doctor"
    ai_reasoning: str = "ige doctor asks whether the webhook takes our signature."


_NOTHING = _Nothing()


class Endpoint(Protocol):
    """Something that takes a message and says what came back."""

    @property
    def name(self) -> str:
        """The host it lies at, for pace and reports."""
        ...

    async def post(self, sendable: Sendable, *, key: str, now: datetime, in_time: InTime) -> Reply:
        """Send one message under its idempotency key; TooLate where it is not `in_time` once connected."""
        ...

    async def aclose(self) -> None:
        """Close the connections, in the event loop that posted."""
        ...


class WebhookEndpoint:
    """The real one: what is posted, how it is signed, and that it is not too long."""

    def __init__(self, target: Target) -> None:
        self._target = check_target(target)
        self._transport: Transport | None = None
        self._fixed = {"content-type": "application/json", "accept-encoding": "identity"} | _auth(target)

    @property
    def name(self) -> str:
        """Return the host and port."""
        return self._target.host

    async def aclose(self) -> None:
        """Close the connections."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    async def post(self, sendable: Sendable, *, key: str, now: datetime, in_time: InTime) -> Reply:
        """Send one message under its idempotency key and say what came back; never raises for the network.

        TooLate where it is not `in_time` right before the request would be written.
        """
        phone = self._phone(sendable.phone)
        return Refused("no_e164") if phone is None else await self._post(sendable, phone, key, now, in_time)

    async def try_out(self, *, now: datetime) -> Reply:
        """Post a message without number and text, signed as any other: the answer says whether we are let in."""
        return await self._post(_NOTHING, "", str(UUID(int=0)), now, lambda: True)

    async def _post(self, sendable: Sendable, phone: str, key: str, now: datetime, in_time: InTime) -> Reply:
        content = json.dumps(body(sendable, kind=self._target.kind, now=now, phone=phone)).encode()
        if len(content) >= _AT_MOST_BYTES:
            return Refused("payload_too_large")
        return await self._opened().exchange(content, self._headers(content, key=key, now=now), in_time=in_time)

    def _phone(self, stored: str) -> str | None:
        """Write the number as the endpoint wants it; None where it has no such form."""
        region = self._target.e164_region
        return stored if region is None else read_phone(stored, region=region).e164

    def _opened(self) -> "Transport":
        """Return the way there; it is made in the event loop that posts."""
        if self._transport is None:
            from ige_pipeline.delivery.transport import Transport  # noqa: PLC0415 - a run that finds nothing needs it not

            self._transport = Transport(self._target.url, timeout_s=self._target.timeout_s)
        return self._transport

    def _headers(self, content: bytes, *, key: str, now: datetime) -> dict[str, str]:
        stamp = int(now.timestamp())
        headers = self._fixed | {"webhook-id": key, "idempotency-key": key, "webhook-timestamp": str(stamp)}
        if self._target.secrets:
            headers["webhook-signature"] = sign(self._target.secrets, message_id=key, timestamp=stamp, body=content)
        return headers


def _auth(target: Target) -> dict[str, str]:
    if not target.auth_header:
        return {}
    name, _, value = target.auth_header.partition(":")
    return {name.strip(): value.strip()}
