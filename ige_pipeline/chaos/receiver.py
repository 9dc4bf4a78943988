"""A webhook on loopback that counts every POST, and lets somebody strike before or after it answers."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Strike = Callable[[], None]


def _nothing() -> None:
    """Let it pass."""


@dataclass
class Counted:
    """What arrived: message and key of every POST, in order. `before` and `after` are called around each answer.

    `arrived` says when (seconds, monotonic) each came, `over` when the answer of each had left; `doors` are the ports
    of those who were let in, in order.
    """

    url: str = ""
    posts: list[tuple[int, str]] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    over: list[tuple[int, float]] = field(default_factory=list)
    port: int = 0
    doors: list[int] = field(default_factory=list)
    before: Strike = _nothing
    after: Strike = _nothing
    at_work: int = 0
    quiet: threading.Condition = field(default_factory=threading.Condition)

    @property
    def times(self) -> Counter[int]:
        """How often each message arrived."""
        return Counter(message_id for message_id, _ in self.posts)

    @property
    def keys(self) -> dict[int, set[str]]:
        """Under which idempotency keys each message arrived."""
        found: dict[int, set[str]] = {}
        for message_id, key in self.posts:
            found.setdefault(message_id, set()).add(key)
        return found

    def in_reach(self, *, at: float, within_s: float = 1.0) -> set[int]:
        """Return the messages that were open here at a moment, answered so shortly before it, or arrived after it."""
        long_over = Counter(message_id for message_id, when in self.over if when < at - within_s)
        return {message_id for message_id, times in self.times.items() if times > long_over[message_id]}

    def wait_until_quiet(self, *, seconds: float = 10) -> None:
        """Wait until everything that a dead run had written has been read."""
        self.wait_until_let_in(seconds=seconds)
        with self.quiet:
            self.quiet.wait_for(lambda: self.at_work == 0, timeout=seconds)

    def wait_until_let_in(self, *, seconds: float = 10) -> None:
        """Wait until every connection that was made before this moment is counted in `at_work`.

        A dead run's last connections may still stand in the system's queue, with a request in them that will be read.
        The queue is first come, first served: once a connection of our own is in, so are all before it. Raises
        TimeoutError when it is not let in.
        """
        with socket.socket() as last:
            last.bind(("127.0.0.1", 0))
            # A port comes back: that somebody came by it earlier says nothing.
            port, earlier = last.getsockname()[1], len(self.doors)
            last.connect(("127.0.0.1", self.port))
            with self.quiet:
                if not self.quiet.wait_for(lambda: port in self.doors[earlier:], timeout=seconds):
                    raise TimeoutError("The receiver lets nobody in.")

    def spare(self) -> None:
        """Strike no more."""
        self.before = self.after = _nothing


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # The usual five would turn runs away that connect with ten at once; the system tries again for a client long dead.
    request_queue_size = 128
    counted: Counted

    def process_request(self, request: Any, client_address: Any) -> None:
        """Count who comes in as they are let in: their own thread may start a good while later."""
        with self.counted.quiet:
            self.counted.at_work += 1
            self.counted.doors.append(client_address[1])
            self.counted.quiet.notify_all()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve, and count who has left."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.counted.quiet:
                self.counted.at_work -= 1
                self.counted.quiet.notify_all()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that was killed."""


@contextmanager
def counting() -> Iterator[Counted]:
    """Receive on a free port of 127.0.0.1 for the length of the block."""
    counted = Counted()
    server = _Server(("127.0.0.1", 0), _handler(counted))
    server.counted, counted.port = counted, server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    counted.url = f"http://127.0.0.1:{counted.port}/webhook"
    try:
        yield counted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(counted: Counted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle(self) -> None:
            # Who is killed in the middle of a request leaves half of its JSON; that is none, and nothing to wait for.
            with suppress(OSError, ValueError):
                super().handle()

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            counted.arrived.append(time.monotonic())
            counted.posts.append((body["message_id"], self.headers["idempotency-key"]))
            counted.before()
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()
            self.wfile.flush()
            counted.after()
            counted.over.append((body["message_id"], time.monotonic()))

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    return Handler
