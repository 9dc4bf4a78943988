"""A small server on loopback that speaks OpenAI's chat completions and plays a script."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

KEY = "sk-test-51-very-secret"
TEXT = "Hi Maria, how are the quotes coming along?"


def answer(text: str = TEXT) -> str:
    """Return the content of a completion that obeys the schema."""
    told = {"message": text, "reasoning": "The quotes are open.", "facts_used": ["item", "goal", "item"]}
    return json.dumps(told)


ANSWER = answer()


@dataclass
class Reply:
    """One scripted answer: a status and body, or a completion made from `message` and `finish`."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: str | None = None
    message: dict[str, Any] = field(default_factory=lambda: {"content": ANSWER})
    finish: str = "stop"
    delay: float = 0

    def body(self) -> str:
        usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
        return json.dumps(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": "whatever",
                "choices": [
                    {"index": 0, "finish_reason": self.finish, "message": {"role": "assistant", **self.message}}
                ],
                "usage": usage | {"prompt_tokens_details": {"cached_tokens": 600}},
            }
        )


class Server:
    """Plays its script reply by reply, the last one for ever, or answers by `play`; remembers what it was asked."""

    def __init__(self) -> None:
        self.play: Callable[[dict[str, Any]], Reply] | None = None
        self.script: list[Reply] = []
        self.asked: list[dict[str, Any]] = []
        self.asked_at: list[float] = []
        self.keys: set[str | None] = set()
        self.in_flight = 0
        self.most_in_flight = 0
        self.url = ""

    async def complete(self, request: Request) -> Response:
        self.asked.append(await request.json())
        self.asked_at.append(time.monotonic())
        self.keys.add(request.headers.get("authorization"))
        if self.play is not None:
            reply = self.play(self.asked[-1])
        else:
            reply = self.script[min(len(self.asked), len(self.script)) - 1]
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(reply.delay)
        self.in_flight -= 1
        headers = {"x-request-id": "req-7", **reply.headers}
        if reply.raw is not None:
            kind = headers.pop("content-type", "application/json")
            return PlainTextResponse(reply.raw, status_code=reply.status, headers=headers, media_type=kind)
        if reply.status == 200:
            return Response(reply.body(), headers=headers, media_type="application/json")
        error = {"message": f"Incorrect key {KEY}", "code": reply.message.get("code")}
        return JSONResponse({"error": error}, status_code=reply.status, headers=headers)


@contextmanager
def serving() -> Iterator[Server]:
    """Serve on a free port of loopback for the length of the block."""
    server = Server()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    app = Starlette(routes=[Route("/v1/chat/completions", server.complete, methods=["POST"])])
    program = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=program.run, kwargs={"sockets": [listener]})
    thread.start()
    while not program.started:
        time.sleep(0.01)
    yield server
    program.should_exit = True
    thread.join(timeout=5)
    listener.close()
