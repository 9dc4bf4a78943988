"""The webhook: one POST in, one reply out. Nothing here decides what a reply means."""

import json
import socket
import ssl
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol
from urllib.parse import urlsplit

import httpx

from ige_pipeline.delivery.payload import Sendable, body
from ige_pipeline.delivery.reply import Answered, Broken, Lost, Reply, Unreached
from ige_pipeline.delivery.signature import sign
from ige_pipeline.refusal import Refusal

_KEPT_BYTES = 2048


class Endpoint(Protocol):
    """Something that takes a message and says what came back."""

    @property
    def name(self) -> str:
        """The host it lies at, for pace and reports."""
        ...

    def post(self, sendable: Sendable, *, key: str, now: datetime) -> Reply:
        """Send one message under its idempotency key."""
        ...


@dataclass(frozen=True)
class Target:
    """Where and how to post. `auth_header` is `Name: value`; `secrets` are space-separated `whsec_…`."""

    url: str
    kind: Literal["flat", "ghl"] = "flat"
    auth_header: str | None = field(default=None, repr=False)
    secrets: str | None = field(default=None, repr=False)
    timeout_s: float = 15.0

    @property
    def host(self) -> str:
        """The host and port, which may be shown; a path may be a secret."""
        return urlsplit(self.url).netloc.rpartition("@")[2]


def check_target(target: Target) -> Target:
    """Refuse what could never work: no http(s) URL, or an unreadable auth header."""
    parts = urlsplit(target.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refusal("N8N_OUTBOUND_WEBHOOK_URL is not a web address: write it as https://host/webhook/path.")
    name, colon, value = (target.auth_header or "n: v").partition(":")
    if not (colon and name.strip() and value.strip()):
        raise Refusal("IGE_WEBHOOK_AUTH_HEADER is not a header: write it as `Name: value`.")
    return target


class WebhookEndpoint:
    """The real one, over one httpx client: no redirects, TLS verified, the read of an answer bounded to 2 kB."""

    def __init__(self, target: Target) -> None:
        self._target = check_target(target)
        limits = httpx.Timeout(target.timeout_s, connect=min(5.0, target.timeout_s))
        self._client = httpx.Client(timeout=limits, follow_redirects=False, trust_env=False)

    @property
    def name(self) -> str:
        """Return the host and port."""
        return self._target.host

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def post(self, sendable: Sendable, *, key: str, now: datetime) -> Reply:
        """Send one message under its idempotency key and say what came back; never raises for the network."""
        content = json.dumps(body(sendable, kind=self._target.kind, now=now)).encode()
        try:
            return self._exchange(content, self._headers(content, key=key, now=now))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return _not_connected(error)
        except httpx.UnsupportedProtocol:
            return Broken("unsupported_protocol")
        except httpx.HTTPError as error:
            return Lost(type(error).__name__)

    def _exchange(self, content: bytes, headers: dict[str, str]) -> Reply:
        deadline = time.monotonic() + self._target.timeout_s
        with self._client.stream("POST", self._target.url, content=content, headers=headers) as response:
            kept = b""
            for chunk in response.iter_raw():
                kept += chunk
                if len(kept) >= _KEPT_BYTES or time.monotonic() > deadline:
                    break
            known = {name.lower(): value for name, value in response.headers.items()}
            # Postgres stores no NUL; an answer may hold anything.
            text = kept[:_KEPT_BYTES].decode(errors="replace").replace("\0", "\ufffd")
            return Answered(response.status_code, known, text)

    def _headers(self, content: bytes, *, key: str, now: datetime) -> dict[str, str]:
        stamp = int(now.timestamp())
        headers = {
            "content-type": "application/json",
            "webhook-id": key,
            "idempotency-key": key,
            "webhook-timestamp": str(stamp),
        }
        if self._target.secrets:
            headers["webhook-signature"] = sign(self._target.secrets, message_id=key, timestamp=stamp, body=content)
        if self._target.auth_header:
            name, _, value = self._target.auth_header.partition(":")
            headers[name.strip()] = value.strip()
        return headers


def _not_connected(error: Exception) -> Reply:
    """Tell a name that does not resolve and a wrong certificate from a server that is merely down."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return Broken("dns_error")
        if isinstance(cause, ssl.SSLError):
            return Broken("tls_error")
        cause = cause.__cause__ or cause.__context__
    return Unreached(type(error).__name__)
