"""Real servers on loopback: one that counts what it receives, and one that misbehaves as it is told to."""

import json
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Answer = Callable[[Body], int]


@dataclass
class Receiver:
    """A webhook that remembers every POST. `answer` says with which status; it is asked before the answer leaves."""

    answer: Answer = lambda _body: 200
    delay_s: float = 0.0
    url: str = ""
    posts: list[tuple[str, Body]] = field(default_factory=list)

    @property
    def message_ids(self) -> list[int]:
        """The messages in the order in which they arrived."""
        return [body["message_id"] for _key, body in self.posts]

    @property
    def keys(self) -> dict[int, set[str]]:
        """The idempotency keys under which each message arrived."""
        found: dict[int, set[str]] = {}
        for key, body in self.posts:
            found.setdefault(body["message_id"], set()).add(key)
        return found

    @property
    def times(self) -> Counter[int]:
        """How often each message arrived."""
        return Counter(self.message_ids)


class Server(ThreadingHTTPServer):
    """One that does not tell the test's output that a client has gone."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        del request, client_address


@contextmanager
def receiving(
    answer: Answer = lambda _body: 200, *, delay_s: float = 0.0, context: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    """Run a receiver for the length of the block, over TLS where a context is given."""
    receiver = Receiver(answer, delay_s)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            receiver.posts.append((self.headers["idempotency-key"], body))
            time.sleep(receiver.delay_s)
            with suppress(OSError):
                self.send_response(receiver.answer(body))
                self.send_header("content-length", "0")
                self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/webhook"
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Talk:
    """One connection of the misbehaving server: what was asked, and the means to answer anything."""

    asked: bytes
    peer: socket.socket

    def say(self, *parts: bytes, every_s: float = 0.0) -> None:
        """Send parts, one after the other, until the other side has gone."""
        self.pour(parts, every_s=every_s)

    def pour(self, parts: Iterable[bytes], *, every_s: float = 0.0) -> None:
        """Send parts that may have no end."""
        with suppress(OSError):
            for part in parts:
                self.peer.sendall(part)
                time.sleep(every_s)

    def reset(self) -> None:
        """Tear the connection down without a word."""
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@contextmanager
def talking(script: Callable[[Talk], None], *, listens: bool = True) -> Iterator[tuple[str, list[bytes]]]:
    """Serve connections one after the other by a script; yield the URL and the requests that came, if it listens."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, script, asked, listens))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/webhook", asked
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(server: socket.socket, script: Callable[[Talk], None], asked: list[bytes], listens: bool) -> None:  # noqa: FBT001
    with suppress(OSError):
        while True:
            peer, _ = server.accept()
            with peer, suppress(OSError):
                peer.settimeout(5)
                asked.append(_request(peer) if listens else b"")
                script(Talk(asked[-1], peer))


def _request(peer: socket.socket) -> bytes:
    """Read one request to its end."""
    read = b""
    while b"\r\n\r\n" not in read:
        if not (part := peer.recv(65_536)):
            return read
        read += part
    head, _, rest = read.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
    while len(rest) < length and (part := peer.recv(65_536)):
        rest += part
    return head + b"\r\n\r\n" + rest
