"""A request out, an answer in, over aiohttp's connections. Imported when something is posted: that costs a run 0.2 s.

No redirects, TLS verified, the read of an answer bounded to 2 kB. Connecting has its time-out, and the whole exchange
has one, so that an answer of one byte a second does not outlive a lease. Addresses are checked where the socket is
made, after the name was resolved.

Of aiohttp it uses what keeps, makes and reads connections, and not its session: that costs two thirds of a POST.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError, RawResponseMessage
from aiohttp.streams import StreamReader
from yarl import URL

from ige_pipeline.delivery.address import Gate
from ige_pipeline.delivery.reply import Answered, Broken, Lost, Reply, TooLate, Unreached

_KEPT_BYTES = 2048
# Node closes a connection that was idle for 5 s: a little earlier, so that no request meets one that is just closing.
_KEEP_ALIVE_S = 4.0
_WENT_WRONG = (aiohttp.ClientError, HttpProcessingError, OSError, TimeoutError, ValueError)


@dataclass
class _Heard:
    """What has come back so far: once the status has, what goes wrong cannot make the answer unknown."""

    head: RawResponseMessage | None = None
    kept: bytes = field(default=b"")

    def answer(self, head: RawResponseMessage) -> Answered:
        known = {name.lower(): value for name, value in head.headers.items()}
        # Postgres stores no NUL; an answer may hold anything.
        body = self.kept[:_KEPT_BYTES].decode(errors="replace").replace("\0", "\ufffd")
        return Answered(head.code, known, body)


class Transport:
    """The way to one address. Made, used and closed in one event loop."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._url, self._timeout_s, self._gate = URL(url), timeout_s, Gate()
        self._loop = asyncio.get_running_loop()
        self._timeouts = aiohttp.ClientTimeout(total=None, connect=timeout_s / 3, sock_connect=timeout_s / 3)
        self._connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S, socket_factory=self._gate.open)
        self._request: aiohttp.ClientRequest | None = None
        self._first = ""

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connector.close()

    async def exchange(self, content: bytes, headers: dict[str, str], *, in_time: Callable[[], bool]) -> Reply:
        """Post and say what came back; never raises for the network.

        TooLate where it is not `in_time` right before the request would be written.
        """
        try:
            return await self._answer(content, headers, in_time)
        except aiohttp.ClientConnectorDNSError:
            return Broken("dns_error")
        except aiohttp.ClientSSLError:
            return Broken("tls_error")
        except aiohttp.InvalidURL:
            return Broken("invalid_url")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Broken("forbidden_address") if self._gate.refused else Unreached(type(error).__name__)
        except _WENT_WRONG as error:
            return Lost(type(error).__name__)

    async def _answer(self, content: bytes, headers: dict[str, str], in_time: Callable[[], bool]) -> Reply:
        heard = _Heard()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._exchange(content, headers, in_time, heard)
        except _WENT_WRONG:
            if heard.head is None:
                raise
        assert heard.head is not None  # noqa: S101 - what comes to its end has heard
        return heard.answer(heard.head)

    async def _exchange(
        self, content: bytes, headers: dict[str, str], in_time: Callable[[], bool], heard: _Heard
    ) -> None:
        connection, whole = await self._connect(), False
        try:
            if not in_time():
                # A name and a handshake may have taken seconds. It is kept: who tries again at once finds it open.
                whole = True
                raise TooLate
            whole = await _said(connection, self._head(headers, len(content)) + content, heard)
        finally:
            # What is left of an answer that is longer than we keep is not read: its connection goes.
            connection.release() if whole else connection.close()

    async def _connect(self) -> aiohttp.connector.Connection:
        try:
            return await self._connector.connect(self._way(), traces=[], timeout=self._timeouts)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError from error

    def _way(self) -> aiohttp.ClientRequest:
        """Return what tells the connector where to; InvalidURL where that is nowhere."""
        if self._request is None:
            skipped = ("accept", "accept-encoding")
            self._request = aiohttp.ClientRequest("POST", self._url, skip_auto_headers=skipped, loop=self._loop)
        return self._request

    def _start(self, headers: dict[str, str]) -> str:
        """Return what every request begins with; a header that is given takes the place of aiohttp's own."""
        if not self._first:
            given = {name.lower() for name in headers} | {"content-length"}
            ours = [_line(name, value) for name, value in self._way().headers.items() if name.lower() not in given]
            self._first = "".join((f"POST {self._url.raw_path_qs} HTTP/1.1\r\n", *ours))
        return self._first

    def _head(self, headers: dict[str, str], length: int) -> bytes:
        lines = [_line(name, value) for name, value in headers.items()]
        return "".join((self._start(headers), *lines, f"content-length: {length}\r\n\r\n")).encode()


def _line(name: str, value: str) -> str:
    if "\r" in value or "\n" in value:
        raise ValueError("A header must be one line.")
    return f"{name}: {value}\r\n"


async def _said(connection: aiohttp.connector.Connection, request: bytes, heard: _Heard) -> bool:
    """Write a request and hear the first 2 kB of its answer; return whether that was all of it."""
    protocol = connection.protocol
    if protocol is None or protocol.transport is None:
        raise aiohttp.ServerDisconnectedError
    protocol.set_response_params(read_until_eof=True, auto_decompress=False)
    protocol.transport.write(request)
    heard.head, body = await _begun(protocol)
    while len(heard.kept) < _KEPT_BYTES and (part := await body.read(_KEPT_BYTES)):
        heard.kept += part
    return body.at_eof()


async def _begun(protocol: ResponseHandler) -> tuple[RawResponseMessage, StreamReader]:
    """Wait for the head of the answer itself: RFC 9110 lets others come before it."""
    while True:
        head, body = await protocol.read()
        if not 100 <= head.code < 200 or head.code == 101:  # noqa: PLR2004 - informational, switching protocols
            return head, body
