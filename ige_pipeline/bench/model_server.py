"""A server on loopback that speaks OpenAI's chat completions: it answers after a fixed time and counts the questions.

It runs in a process of its own, so that neither its work nor its memory is taken for ours, and so that it outlives a
run that is killed. Whoever is asked about is known by the contractor's company.
"""

import asyncio
import json
import multiprocessing
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from urllib.request import urlopen

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_COMPANY = re.compile(rb'company_name\\": \\"([^\\"]*)')
_ANSWER = re.compile(rb"/answer/(all|\d+)$")
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class ModelServer:
    """Where it is, and what it was asked so far."""

    url: str

    def asked(self) -> Counter[str]:
        """Return how often it was asked about each company, whether or not it has answered yet."""
        return Counter(self._get("counts"))

    def answer_only(self, questions: int) -> None:
        """Leave every question beyond so many unanswered, until `answer_all`."""
        self._get(f"answer/{questions}")

    def answer_all(self) -> None:
        """Answer what is asked from now on."""
        self._get("answer/all")

    def _get(self, what: str) -> dict[str, int]:
        with urlopen(f"{self.url}/{what}", timeout=10) as reply:  # noqa: S310 - our own address on loopback
            told: dict[str, int] = json.load(reply)
        return told


@contextmanager
def serving(*, latency_seconds: float) -> Iterator[ModelServer]:
    """Serve on a free port of loopback for the length of the block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, latency_seconds), daemon=True)
    process.start()
    try:
        yield ModelServer(f"http://127.0.0.1:{ours.recv()}/v1")
    finally:
        process.terminate()
        process.join()


def _serve(told: Pipe, latency_seconds: float) -> None:
    asyncio.run(_serve_for_ever(told, latency_seconds))


async def _serve_for_ever(told: Pipe, latency_seconds: float) -> None:
    counts = _Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Speaking(counts, latency_seconds), "127.0.0.1", 0, backlog=1024)
    told.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


@dataclass
class _Counts:
    """What was asked about whom, and how many more may be answered; None is any number."""

    asked: Counter[str] = field(default_factory=Counter)
    left: int | None = None

    def answers(self, company: str) -> bool:
        """Count one question; say whether it is answered."""
        self.asked[company] += 1
        if self.left is None:
            return True
        self.left -= 1
        return self.left >= 0

    def told(self, path: bytes) -> bytes:
        """Obey what is asked of the server itself, and return the counts."""
        if found := _ANSWER.search(path):
            self.left = None if found[1] == b"all" else int(found[1])
        return json.dumps(self.asked).encode()


class _Speaking(asyncio.Protocol):
    """One connection: as much of HTTP/1.1 as our own client speaks."""

    def __init__(self, counts: _Counts, latency_seconds: float) -> None:
        self._counts, self._latency = counts, latency_seconds
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport if isinstance(transport, asyncio.Transport) else None

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(_HEAD_END)
        if head_end < 0:
            return
        found = _LENGTH.search(self._received, 0, head_end)
        end = head_end + len(_HEAD_END) + (int(found[1]) if found else 0)
        if len(self._received) < end:
            return
        request, self._received = bytes(self._received[:end]), self._received[end:]
        self._answer(request)

    def _answer(self, request: bytes) -> None:
        if request.startswith(b"GET"):
            self._write(self._counts.told(request.split(b" ", 2)[1]))
            return
        company = _COMPANY.search(request)
        if self._counts.answers(company[1].decode() if company else ""):
            asyncio.get_running_loop().call_later(self._latency, self._write, _COMPLETION)

    def _write(self, body: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            self._transport.write(head.encode() + body)


_SAID = {
    "message": "Hi there, how is the call with the two suppliers coming along? Tell me if something is in the way.",
    "reasoning": "The item is open and nothing was said about it yet.",
    "facts_used": ["item"],
}
_COMPLETION = json.dumps(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1,
        "model": "bench",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": json.dumps(_SAID), "refusal": None},
            }
        ],
        "usage": {
            "prompt_tokens": 1600,
            "completion_tokens": 60,
            "total_tokens": 1660,
            "prompt_tokens_details": {"cached_tokens": 1408},
        },
    }
).encode()
