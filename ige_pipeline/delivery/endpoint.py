"""The webhook: one POST in, one reply out. Nothing here decides what a reply means."""

import asyncio
import json
import re
import socket
import ssl
from contextlib import suppress
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
# RFC 9110, 5.1 and 5.5: a token, a colon, printable characters; never a line break.
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*:\s*[!-~](?:[ -~]*[!-~])?\s*")


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

    url: str = field(repr=False)
    kind: Literal["flat", "ghl"] = "flat"
    auth_header: str | None = field(default=None, repr=False)
    secrets: str | None = field(default=None, repr=False)
    timeout_s: float = 15.0
    variable: str = "N8N_OUTBOUND_WEBHOOK_URL"

    @property
    def host(self) -> str:
        """The host and port, which may be shown; a path may be a secret."""
        return urlsplit(self.url).netloc.rpartition("@")[2]


def check_target(target: Target) -> Target:
    """Refuse what could never work: no http(s) URL, an unreadable auth header, a secret that cannot sign."""
    try:
        url = httpx.URL(target.url)
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise Refusal(f"{target.variable} is not a web address: write it as https://host/webhook/path.")
    if target.auth_header is not None and not _HEADER.fullmatch(target.auth_header):
        raise Refusal("IGE_WEBHOOK_AUTH_HEADER is not a header: write it as `Name: value`.")
    if target.secrets is not None:
        sign(target.secrets, message_id="", timestamp=0, body=b"")
    return target


class WebhookEndpoint:
    """The real one, over one httpx client: no redirects, TLS verified, the read of an answer bounded to 2 kB.

    httpx bounds each read alone, so that an answer of one byte a second would outlive any lease: the event loop bounds
    the whole exchange.
    """

    def __init__(self, target: Target) -> None:
        self._target = check_target(target)
        limits = httpx.Timeout(target.timeout_s, connect=target.timeout_s / 3)
        self._loop = asyncio.Runner()
        self._client = httpx.AsyncClient(timeout=limits, follow_redirects=False, trust_env=False)

    @property
    def name(self) -> str:
        """Return the host and port."""
        return self._target.host

    def close(self) -> None:
        """Close the connections."""
        with self._loop:
            self._loop.run(self._client.aclose())

    def post(self, sendable: Sendable, *, key: str, now: datetime) -> Reply:
        """Send one message under its idempotency key and say what came back; never raises for the network."""
        content = json.dumps(body(sendable, kind=self._target.kind, now=now)).encode()
        try:
            return self._loop.run(self._exchange(content, self._headers(content, key=key, now=now)))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return _not_connected(error)
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            return Broken(type(error).__name__)
        except (httpx.HTTPError, TimeoutError) as error:
            return Lost(type(error).__name__)

    async def _exchange(self, content: bytes, headers: dict[str, str]) -> Reply:
        deadline = asyncio.get_running_loop().time() + self._target.timeout_s
        request = self._client.build_request("POST", self._target.url, content=content, headers=headers)
        async with asyncio.timeout_at(deadline):
            response = await self._client.send(request, stream=True)
        try:
            kept = await _beginning(response, deadline)
        finally:
            await response.aclose()
        known = {name.lower(): value for name, value in response.headers.items()}
        # Postgres stores no NUL; an answer may hold anything.
        text = kept.decode(errors="replace").replace("\0", "\ufffd")
        return Answered(response.status_code, known, text)

    def _headers(self, content: bytes, *, key: str, now: datetime) -> dict[str, str]:
        stamp = int(now.timestamp())
        headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",
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


async def _beginning(response: httpx.Response, deadline: float) -> bytes:
    """Read the first 2 kB. The status has come: what goes wrong from here on cannot make the answer unknown."""
    kept = b""
    with suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout_at(deadline):
            async for chunk in response.aiter_raw():
                kept += chunk
                if len(kept) >= _KEPT_BYTES:
                    break
    return kept[:_KEPT_BYTES]


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
