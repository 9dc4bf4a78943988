"""Both ends of a POST for the benchmark: a receiver in a process of its own, and the plainest loop that posts to it."""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe

import aiohttp

_ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'


@contextmanager
def receiving(*, latency_s: float) -> Iterator[str]:
    """Run a webhook that answers after so many seconds, for the length of the block; give its URL."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=serve, args=(theirs, latency_s), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/webhook"
    finally:
        process.terminate()
        process.join()


def serve(told: Pipe, latency_s: float) -> None:
    """Answer every request, and nothing else: what it costs is nobody's figure."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Receiver(loop, latency_s), "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


class _Receiver(asyncio.Protocol):
    def __init__(self, loop: asyncio.AbstractEventLoop, latency_s: float) -> None:
        self._loop, self._latency_s, self._read = loop, latency_s, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server gives
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            if len(self._read) < end + 4 + length:
                return
            self._read = self._read[end + 4 + length :]
            self._loop.call_later(self._latency_s, self._transport.write, _ANSWER)


def reference(url: str, *, messages: int, at_once: int) -> tuple[float, float]:
    """Post as many bodies over a plain loop with so many in flight; return its seconds and its CPU seconds."""
    return asyncio.run(_post_all(url, messages, at_once))


async def _post_all(url: str, messages: int, at_once: int) -> tuple[float, float]:
    body, left = b'{"message": "' + b"x" * 400 + b'"}', iter(range(messages))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            for _ in left:
                async with session.post(url, data=body, headers={"content-type": "application/json"}) as response:
                    await response.read()

        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*[work() for _ in range(at_once)])
        return time.perf_counter() - began, time.process_time() - cpu
