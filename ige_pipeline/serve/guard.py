"""What stands before every route: bodies are small and come in time, and no error shows a number or a text.

Frameworks log an error with its text, and that of Postgres quotes the row; so nothing that goes wrong gets past here.
"""

import asyncio
import logging
from collections.abc import MutableMapping
from typing import Any

import psycopg
from psycopg_pool import PoolTimeout
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ige_pipeline.postgres.refused import refused_sentence
from ige_pipeline.refusal import Refusal

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
_PATIENCE_S = 15.0
_HEADERS = {b"x-content-type-options": b"nosniff", b"cache-control": b"no-store", b"referrer-policy": b"no-referrer"}


class TooLargeError(Exception):
    """A body is longer than anything that we are sent for good."""


class Guard:
    """Limits the body in size and time, answers errors in one sentence, and adds headers that a route has not set."""

    def __init__(self, app: ASGIApp, *, max_bytes: int = MAX_BODY_BYTES, patience_s: float = _PATIENCE_S) -> None:
        self._app, self._max_bytes, self._patience_s = app, max_bytes, patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self._app(scope, _Body(receive, max_bytes=self._max_bytes, patience_s=self._patience_s), answer)
        except Exception as error:  # noqa: BLE001 - nobody behind us may log it
            status, sentence = _said(error)
            if status >= 500:  # noqa: PLR2004 - ours, not theirs
                log.error("%s %s: %s", scope["method"], _path(scope), sentence)  # noqa: TRY400 - not its own text
            if not answer.begun:
                await _refuse(status, sentence)(scope, receive, answer)


class _Body:
    """A request's body, as long as it is small and does not dawdle."""

    def __init__(self, receive: Receive, *, max_bytes: int, patience_s: float) -> None:
        self._receive, self._left, self._ended = receive, max_bytes, False
        self._until = asyncio.get_running_loop().time() + patience_s

    async def __call__(self) -> Message:
        if self._ended:
            return await self._receive()
        async with asyncio.timeout_at(self._until):
            message = await self._receive()
        self._left -= len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        if self._left < 0:
            raise TooLargeError
        return message


class _Answer:
    """What is sent back, with our headers; remembers whether it has begun."""

    def __init__(self, send: Send) -> None:
        self._send, self.begun = send, False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            given = {name.lower() for name, _ in message["headers"]}
            added = [(name, value) for name, value in _HEADERS.items() if name not in given]
            message = {**message, "headers": [*message["headers"], *added]}
        await self._send(message)


def _said(error: Exception) -> tuple[int, str]:
    match error:
        case TooLargeError():
            return 413, f"The body is longer than {MAX_BODY_BYTES} bytes."
        case TimeoutError():
            return 408, "The body did not come in time."
        case Refusal():
            return 503, str(error)
        case PoolTimeout():
            return 503, "The database does not answer."
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return 503, refused_sentence(error)
        case psycopg.Error():
            return 500, refused_sentence(error)
        case _:
            return 500, f"Something is wrong with us ({type(error).__name__})."


def _refuse(status: int, sentence: str) -> JSONResponse:
    headers = {"retry-after": "30"} if status == 503 else {}  # noqa: PLR2004 - come again
    # What Postgres said is for the log.
    shown = "We cannot do that now." if status >= 500 else sentence  # noqa: PLR2004 - ours
    return JSONResponse({"error": shown}, status_code=status, headers=headers)


def _path(scope: Scope) -> str:
    """Name the route and not the address, which somebody may have put a number into."""
    route = scope.get("route")
    return str(getattr(route, "path", "an unknown path"))
