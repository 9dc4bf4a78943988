"""Serve until SIGINT or SIGTERM: one process, one socket, and an end in which what has begun is finished."""

import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Never

import uvicorn
from starlette.types import ASGIApp

from ige_pipeline.refusal import Refusal

# Requests under way at once; more are answered 503 at the door, before they take memory.
_AT_ONCE = 200
_FINISH_WITHIN_S = 10


def listen(host: str, port: int) -> socket.socket:
    """Take the address, any free port for 0; Refusal in one sentence when it cannot be had."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Refusal(f"{host}:{port} cannot be listened on ({why}): choose another --port or --host.") from error


def serve(app: ASGIApp, listening: socket.socket, *, ready: Callable[[str], None]) -> None:
    """Answer on a socket until a signal ends it; `ready` is told the address."""
    host, port = listening.getsockname()[:2]
    config = uvicorn.Config(
        app,
        log_level="warning",
        # Addresses may hold what somebody searched for.
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_AT_ONCE,
        timeout_graceful_shutdown=_FINISH_WITHIN_S,
    )
    # The server gives the signal back when it has finished: that is an end as it was asked for.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, _end)
    ready(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
    uvicorn.Server(config).run(sockets=[listening])


def _end(_signal: int, _frame: FrameType | None) -> Never:
    sys.exit(0)
