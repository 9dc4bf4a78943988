"""A way to Postgres that takes its time: bytes arrive in their order, each so much later."""

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit


class Way:
    """Carries both directions of every connection; `each_way_s` may be changed under way."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._open = ExitStack()
        self._server = self._open.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.each_way_s = 0.0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The database at the far end."""
        who = self._parts.netloc.rpartition("@")[0]
        return self._parts._replace(netloc=f"{who}@127.0.0.1:{self._server.getsockname()[1]}").geturl()

    def close(self) -> None:
        """Close every connection."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._open.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection((self._parts.hostname or "", self._parts.port or 5432))
                for one, other in ((near, far), (far, near)):
                    self._open.callback(one.close)
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._carry(one, other)

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        """Read at once and hand over when it is time, so that what follows is not delayed by what went before."""
        under_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

        def read() -> None:
            with suppress(OSError):
                while part := one.recv(65_536):
                    under_way.put((time.monotonic() + self.each_way_s, part))
            under_way.put((0, b""))

        def write() -> None:
            with suppress(OSError):
                while part := (arriving := under_way.get())[1]:
                    time.sleep(max(arriving[0] - time.monotonic(), 0))
                    other.sendall(part)
                other.shutdown(socket.SHUT_RDWR)

        for work in (read, write):
            threading.Thread(target=work, daemon=True).start()


@contextmanager
def a_way_to(url: str) -> Iterator[Way]:
    """Lead to a database, for the length of the block."""
    way = Way(url)
    try:
        yield way
    finally:
        way.close()
