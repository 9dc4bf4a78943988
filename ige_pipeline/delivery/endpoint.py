"""The webhook: one POST in, one reply out. Nothing here decides what a reply means."""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from ige_pipeline.delivery.address import Gate, is_metadata_host
from ige_pipeline.delivery.payload import Sendable, body
from ige_pipeline.delivery.reply import Answered, Broken, Lost, Refused, Reply, Unreached
from ige_pipeline.delivery.signature import sign
from ige_pipeline.refusal import Refusal
from ige_pipeline.safeguards.phone import read_phone

_KEPT_BYTES = 2048
_AT_MOST_BYTES = 20_000
# Node closes a connection that was idle for 5 s: a little earlier, so that no request meets one that is just closing.
_KEEP_ALIVE_S = 4.0
# RFC 9110, 5.1 and 5.5: a token, a colon, printable characters; never a line break.
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*:\s*[!-~](?:[ -~]*[!-~])?\s*")


InTime = Callable[[], bool]
_IN_TIME: ContextVar[InTime] = ContextVar("in_time")


class TooLate(Exception):  # noqa: N818 - nothing is wrong with it
    """Nothing was sent: it took too long until there was a connection."""


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


@dataclass(frozen=True)
class Target:
    """Where and how to post. `auth_header` is `Name: value`; `secrets` are space-separated `whsec_…`.

    With `e164_region` numbers are written as E.164, one without a country code as of that region; else as stored.
    """

    url: str = field(repr=False)
    kind: Literal["flat", "ghl"] = "flat"
    auth_header: str | None = field(default=None, repr=False)
    secrets: str | None = field(default=None, repr=False)
    timeout_s: float = 15.0
    e164_region: str | None = None
    variable: str = "N8N_OUTBOUND_WEBHOOK_URL"

    @property
    def host(self) -> str:
        """The host and port, which may be shown; a path may be a secret."""
        return urlsplit(self.url).netloc.rpartition("@")[2]


def check_target(target: Target) -> Target:
    """Refuse what could never work: no http(s) URL, an unreadable auth header, a secret that cannot sign.

    And what must not: a cloud's metadata service, which gives its machine's secrets to whoever asks.
    """
    try:
        url = URL(target.url)
        host = url.host or ""
        named = urlsplit(target.url).port != 0
    except ValueError:
        url, host, named = URL(), "", False
    if url.scheme not in {"http", "https"} or not host or not named or target.url.endswith(":/"):
        raise Refusal(f"{target.variable} is not a web address: write it as https://host/webhook/path.")
    if is_metadata_host(host):
        raise Refusal(f"{target.variable} names a cloud's metadata service, which no message is ever posted to.")
    if target.auth_header is not None and not _HEADER.fullmatch(target.auth_header):
        raise Refusal("IGE_WEBHOOK_AUTH_HEADER is not a header: write it as `Name: value`.")
    if target.secrets is not None:
        sign(target.secrets, message_id="", timestamp=0, body=b"")
    return target


class _Connector(aiohttp.TCPConnector):
    """Connections that are still wanted once they stand: a name and a handshake may have taken seconds."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - its name
    ) -> aiohttp.connector.Connection:
        connection = await super().connect(req, traces, timeout)
        if not _IN_TIME.get()():
            # It is kept: who tries again at once finds it open.
            connection.release()
            raise TooLate
        return connection


class WebhookEndpoint:
    """The real one, over one aiohttp session: no redirects, TLS verified, the read of an answer bounded to 2 kB.

    Each phase has its time-out, and the whole exchange has one, so that an answer of one byte a second does not outlive
    a lease. Addresses are checked where the socket is made, after the name was resolved.
    """

    def __init__(self, target: Target) -> None:
        self._target = check_target(target)
        self._url = URL(target.url)
        self._gate = Gate()
        self._session: aiohttp.ClientSession | None = None
        self._fixed = {"content-type": "application/json", "accept-encoding": "identity"} | _auth(target)

    @property
    def name(self) -> str:
        """Return the host and port."""
        return self._target.host

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, sendable: Sendable, *, key: str, now: datetime, in_time: InTime) -> Reply:
        """Send one message under its idempotency key and say what came back; never raises for the network.

        TooLate where it is not `in_time` right before the request would be written.
        """
        _IN_TIME.set(in_time)
        phone = self._phone(sendable.phone)
        if phone is None:
            return Refused("no_e164")
        content = json.dumps(body(sendable, kind=self._target.kind, now=now, phone=phone)).encode()
        if len(content) >= _AT_MOST_BYTES:
            return Refused("payload_too_large")
        try:
            return await self._exchange(content, self._headers(content, key=key, now=now))
        except aiohttp.ClientConnectorDNSError:
            return Broken("dns_error")
        except aiohttp.ClientSSLError:
            return Broken("tls_error")
        except aiohttp.InvalidURL:
            return Broken("invalid_url")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return self._not_connected(error)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return Lost(type(error).__name__)

    def _phone(self, stored: str) -> str | None:
        """Write the number as the endpoint wants it; None where it has no such form."""
        region = self._target.e164_region
        return stored if region is None else read_phone(stored, region=region).e164

    async def _exchange(self, content: bytes, headers: dict[str, str]) -> Reply:
        deadline = asyncio.get_running_loop().time() + self._target.timeout_s
        async with asyncio.timeout_at(deadline):
            response = await self._opened().post(self._url, data=content, headers=headers, allow_redirects=False)
        try:
            kept = await _beginning(response, deadline)
        finally:
            # What is left of an answer that is longer than we keep is not read: its connection goes.
            response.release() if response.content.at_eof() else response.close()
        known = {name.lower(): value for name, value in response.headers.items()}
        # Postgres stores no NUL; an answer may hold anything.
        return Answered(response.status, known, kept.decode(errors="replace").replace("\0", "\ufffd"))

    def _opened(self) -> aiohttp.ClientSession:
        """Return the session; it is made in the event loop that posts."""
        if self._session is None:
            connector = _Connector(limit=0, keepalive_timeout=_KEEP_ALIVE_S, socket_factory=self._gate.open)
            seconds = self._target.timeout_s
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=seconds / 3, sock_connect=seconds / 3, sock_read=seconds
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                skip_auto_headers=("accept",),
            )
        return self._session

    def _not_connected(self, error: Exception) -> Reply:
        return Broken("forbidden_address") if self._gate.refused else Unreached(type(error).__name__)

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


async def _beginning(response: aiohttp.ClientResponse, deadline: float) -> bytes:
    """Read the first 2 kB. The status has come: what goes wrong from here on cannot make the answer unknown."""
    kept = b""
    with suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError):
        async with asyncio.timeout_at(deadline):
            while len(kept) < _KEPT_BYTES and (part := await response.content.read(_KEPT_BYTES)):
                kept += part
    return kept[:_KEPT_BYTES]
