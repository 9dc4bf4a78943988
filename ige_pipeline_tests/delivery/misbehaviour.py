"""Everything that an endpoint may do to us, each done by a real server on loopback."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path

from ige_pipeline_tests.delivery.loopback import Talk, receiving, talking

PAGE = Path(__file__).parents[2] / "docs" / "endpoint.md"
CERTIFICATE = Path(__file__).with_name("self_signed.pem")
TRUSTED = Path(__file__).with_name("certificates")
"""Certificates that a process is told to trust: one that holds, one that has expired, one of another name."""
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
_OK = b"HTTP/1.1 200 OK\r\n"


@dataclass(frozen=True)
class Case:
    """What it does, in words, and a server that does it: a context that yields the URL.

    `trusted`: whoever signed its certificate is trusted, so that only what else is wrong with it counts.
    """

    what: str
    serve: Callable[[], AbstractContextManager[str]]
    trusted: bool = False


def _says(*parts: bytes, every_s: float = 0.0) -> Callable[[], AbstractContextManager[str]]:
    return _does(lambda talk: talk.say(*parts, every_s=every_s))


def _does(
    script: Callable[[Talk], None], *, scheme: str = "http", listens: bool = True
) -> Callable[[], AbstractContextManager[str]]:
    @contextmanager
    def serve() -> Iterator[str]:
        with talking(script, listens=listens) as (url, _):
            yield url.replace("http://", f"{scheme}://")

    return serve


def _status(status: int, *headers: str) -> Callable[[], AbstractContextManager[str]]:
    lines = "".join(f"{header}\r\n" for header in headers)
    # A 204 has no body, and no length either (RFC 9110, 8.6).
    length = "" if status == 204 else "content-length: 0\r\n"
    return _says(f"HTTP/1.1 {status} As You Like It\r\n{lines}{length}connection: close\r\n\r\n".encode())


def _wait_for_the_end(talk: Talk) -> None:
    """Say nothing until the other side has gone."""
    talk.peer.settimeout(5)
    talk.peer.recv(1)


@contextmanager
def _closed_port() -> Iterator[str]:
    with talking(lambda _talk: None) as (url, _):
        pass
    yield url


@contextmanager
def _never_accepts() -> Iterator[str]:
    """A port whose queue is full: the connection is never made."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003 - socket's own way
            waiting.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}/webhook"


def over_tls(certificate: Path) -> Callable[[], AbstractContextManager[str]]:
    """A webhook that accepts everything, and shows this certificate."""

    @contextmanager
    def serve() -> Iterator[str]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with receiving(context=context) as receiver:
            yield receiver.url.replace("http://", "https://")

    return serve


@contextmanager
def _nowhere() -> Iterator[str]:
    yield "http://nowhere.invalid/webhook"


CASES = (
    *(Case(f"answers {status}", _status(status)) for status in (200, 201, 202, 204)),
    *(
        Case(f"redirects to itself ({status})", _status(status, "location: /webhook"))
        for status in (301, 302, 307, 308)
    ),
    *(Case(f"answers {status}", _status(status)) for status in (304, 400, 401, 403, 404, 405, 406)),
    *(Case(f"answers {status}", _status(status)) for status in (408, 409, 410, 411, 413, 415, 418, 422, 425, 429)),
    Case("answers 429 with `Retry-After: 120`", _status(429, "retry-after: 120")),
    *(Case(f"answers {status}", _status(status)) for status in (451, 500, 501, 502, 503)),
    Case("answers 503 with `Retry-After: 120`", _status(503, "retry-after: 120")),
    *(Case(f"answers {status}", _status(status)) for status in (504, 599)),
    Case("answers 100 and then 200", _says(b"HTTP/1.1 100 Continue\r\n\r\n", _OK + b"content-length: 0\r\n\r\n")),
    Case("answers 200 in HTTP/1.0", _says(b"HTTP/1.0 200 OK\r\n\r\nfine")),
    Case("answers 200 with a body without end", _does(lambda t: t.pour(chain([_OK + b"\r\n"], repeat(b"z" * 65_536))))),
    Case("answers 200 with a body of a byte now and then", _says(_OK + b"\r\n", *[b"z"] * 40, every_s=0.05)),
    Case("answers 200 with a body that is cut off", _says(_OK + b"content-length: 99\r\n\r\nz")),
    Case("answers 200 with broken chunks", _says(_OK + b"transfer-encoding: chunked\r\n\r\nzz\r\nno chunk")),
    Case("answers 200 with gzip that is none", _says(_OK + b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope")),
    Case("sends its headers a byte now and then", _says(*[bytes([byte]) for byte in _OK * 3], every_s=0.05)),
    Case("sends a header without end", _says(_OK + b"x: " + b"y" * 300_000)),
    Case("answers garbage", _says(b"\x00\x01\x02 what? \r\n\r\n")),
    Case("answers a status that is none", _says(b"HTTP/1.1 abc Hm\r\n\r\n")),
    Case("takes the request and says nothing, as a half-open connection does", _does(_wait_for_the_end)),
    Case("takes the request and closes", _does(lambda _talk: None)),
    Case("takes the request and resets the connection", _does(Talk.reset)),
    Case("refuses the connection", _closed_port),
    Case("never accepts the connection", _never_accepts),
    Case("has a certificate that nobody vouches for", over_tls(CERTIFICATE)),
    Case("has a certificate that has expired", over_tls(TRUSTED / "expired.pem"), trusted=True),
    Case("has a certificate of another name", over_tls(TRUSTED / "elsewhere.pem"), trusted=True),
    Case(
        "speaks no TLS where TLS is asked for",
        _does(lambda t: t.say(b"HTTP/1.1 400 No\r\n\r\n"), scheme="https", listens=False),
    ),
    Case("has a name that does not resolve", _nowhere),
)


def table(rows: list[tuple[str, ...]]) -> str:
    """Write the page's table."""
    head = ("the endpoint", "outcome", "recorded as", "attempt used", "then")
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows))
