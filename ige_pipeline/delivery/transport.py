"""One aiohttp session: a request out, an answer in. Imported when something is posted: that costs a run 0.2 s.

No redirects, TLS verified, the read of an answer bounded to 2 kB. Each phase has its time-out, and the whole exchange
has one, so that an answer of one byte a second does not outlive a lease. Addresses are checked where the socket is
made, after the name was resolved.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import aiohttp
from yarl import URL

from ige_pipeline.delivery.address import Gate
from ige_pipeline.delivery.reply import Answered, Broken, Lost, Reply, TooLate, Unreached

_KEPT_BYTES = 2048
# Node closes a connection that was idle for 5 s: a little earlier, so that no request meets one that is just closing.
_KEEP_ALIVE_S = 4.0
_IN_TIME: ContextVar[Callable[[], bool]] = ContextVar("in_time")


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


class Transport:
    """The way to one address. Made, used and closed in one event loop."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._url, self._timeout_s, self._gate = URL(url), timeout_s, Gate()
        self._session = aiohttp.ClientSession(
            connector=_Connector(limit=0, keepalive_timeout=_KEEP_ALIVE_S, socket_factory=self._gate.open),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=timeout_s / 3, sock_connect=timeout_s / 3, sock_read=timeout_s
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("accept",),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def exchange(self, content: bytes, headers: dict[str, str], *, in_time: Callable[[], bool]) -> Reply:
        """Post and say what came back; never raises for the network.

        TooLate where it is not `in_time` right before the request would be written.
        """
        _IN_TIME.set(in_time)
        try:
            return await self._answer(content, headers)
        except aiohttp.ClientConnectorDNSError:
            return Broken("dns_error")
        except aiohttp.ClientSSLError:
            return Broken("tls_error")
        except aiohttp.InvalidURL:
            return Broken("invalid_url")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Broken("forbidden_address") if self._gate.refused else Unreached(type(error).__name__)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return Lost(type(error).__name__)

    async def _answer(self, content: bytes, headers: dict[str, str]) -> Reply:
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        async with asyncio.timeout_at(deadline):
            response = await self._session.post(self._url, data=content, headers=headers, allow_redirects=False)
        try:
            kept = await _beginning(response, deadline)
        finally:
            # What is left of an answer that is longer than we keep is not read: its connection goes.
            response.release() if response.content.at_eof() else response.close()
        known = {name.lower(): value for name, value in response.headers.items()}
        # Postgres stores no NUL; an answer may hold anything.
        return Answered(response.status, known, kept.decode(errors="replace").replace("\0", "\ufffd"))


async def _beginning(response: aiohttp.ClientResponse, deadline: float) -> bytes:
    """Read the first 2 kB. The status has come: what goes wrong from here on cannot make the answer unknown."""
    kept = b""
    with suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError):
        async with asyncio.timeout_at(deadline):
            while len(kept) < _KEPT_BYTES and (part := await response.content.read(_KEPT_BYTES)):
                kept += part
    return kept[:_KEPT_BYTES]
