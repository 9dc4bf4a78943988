"""The sandbox receiver: stands in for n8n on loopback and shows the texts that "arrived". It sends nothing on.

It answers as n8n does: 404 on a wrong path or method, 422 on what is not JSON. It also checks the body, which n8n
leaves to the workflow: 400 names the fields that are wrong.
"""

import argparse
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from html import escape
from importlib.resources import files
from json import JSONDecodeError
from pathlib import Path
from string import Template
from uuid import uuid4

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from ige_pipeline.local.inbox import Inbox, Text, parse
from ige_pipeline.refusal import Refusal

WEBHOOK_PATH = "/webhook/sms-outbound"
SHOWN = 500
"""Texts on the page; `/messages.json` has them all."""

_NO_ASSETS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}


class Receiver:
    """Answers the webhook and shows what came. `faults` maps a phone number to the status it is answered with."""

    def __init__(self, inbox: Inbox, *, faults: Mapping[str, int] | None = None) -> None:
        self.inbox = inbox
        self.faults = dict(faults or {})

    def app(self) -> Starlette:
        """Return the ASGI application. Only a request to a loopback name is answered: no web page can reach it."""
        return Starlette(
            routes=[
                Route(WEBHOOK_PATH, self.receive, methods=["POST"]),
                Route("/", self.page),
                Route("/messages.json", self.messages),
                Route("/healthz", self.health),
            ],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])],
            exception_handlers={405: _not_registered},
        )

    async def receive(self, request: Request) -> Response:
        """Take one text; a repeat of its `webhook-id` is answered 200 and counted, not shown twice."""
        try:
            body = await request.json()
        except (JSONDecodeError, UnicodeDecodeError):
            return JSONResponse({"message": "Failed to parse request body"}, status_code=422)
        try:
            flat = parse(body if isinstance(body, dict) else {})
        except ValidationError as error:
            return JSONResponse({"message": "The body is wrong", "fields": _wrong_fields(error)}, status_code=400)
        if status := self.faults.get(flat.phone):
            return JSONResponse({"message": "A fault was asked for"}, status_code=status)
        text = self.inbox.take(request.headers.get("webhook-id") or str(uuid4()), flat)
        return JSONResponse({"received": True, "repeat": text.repeats > 0})

    async def page(self, _: Request) -> Response:
        """Show the newest texts."""
        texts = self.inbox.texts
        shown = "\n".join(_article(text) for text in texts[:SHOWN]) or '<p class="empty">Nothing has arrived yet.</p>'
        template = Template(files(__package__).joinpath("receiver.html").read_text(encoding="utf-8"))
        return HTMLResponse(template.substitute(count=len(texts), texts=shown), headers=_NO_ASSETS)

    async def messages(self, _: Request) -> Response:
        """List every text, newest first."""
        return JSONResponse([asdict(text) for text in self.inbox.texts])

    async def health(self, _: Request) -> Response:
        """Say that we are up, and who we are."""
        return JSONResponse({"ok": True, "pid": os.getpid(), "texts": len(self.inbox.texts)})


async def _not_registered(_: Request, __: Exception) -> Response:
    return JSONResponse({"message": "This webhook is not registered"}, status_code=404)


def _wrong_fields(error: ValidationError) -> dict[str, str]:
    return {".".join(map(str, wrong["loc"])): wrong["msg"] for wrong in error.errors()}


def _article(text: Text) -> str:
    body = {name: escape(str(value if value is not None else "")) for name, value in text.body.items()}
    arrived = datetime.fromisoformat(text.arrived_at)
    repeats = f' <span class="repeat">repeats: {text.repeats}</span>' if text.repeats else ""
    return (
        f'<article><div class="head"><strong>{body["contractor_name"]}</strong> <span>{body["phone"]}</span>{repeats}'
        f' <time datetime="{escape(text.arrived_at)}">{arrived.astimezone():%d %b %H:%M:%S}</time></div>'
        f'<div class="bubble">{body["message"]}</div>'
        f'<div class="foot">{body["message_type"]} · message {body["message_id"]} · {body["ai_reasoning"]}</div>'
        "</article>"
    )


def require_loopback(host: str) -> str:
    """Return a loopback address; Refusal for any other, even a name."""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise Refusal(f"The sandbox receiver listens on this machine only: {host!r} is not a loopback address.")
    return host


def main(words: list[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="receiver", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True, help="the folder that keeps texts.jsonl")
    options = parser.parse_args(words)
    host = require_loopback(options.host)
    options.state.mkdir(parents=True, exist_ok=True)
    app = Receiver(Inbox(options.state / "texts.jsonl")).app()
    uvicorn.run(app, host=host, port=options.port, log_level="warning", access_log=False, timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
