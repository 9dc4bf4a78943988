"""Which pages there are. `ige serve` puts them beside what it answers other programs."""

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ige_pipeline.console import (
    contractors,
    dead,
    drafts,
    login,
    messages,
    opt_out,
    overview,
    replies,
    switches,
    triggers,
    why_not,
)
from ige_pipeline.console.desk import Desk
from ige_pipeline.console.gate import View, guarded
from ige_pipeline.console.render import HEADERS, HOME, bare, is_version


class _Row(Convertor[int]):
    """The number of a row in a path: never longer than Postgres can count, so that reading it cannot fail."""

    regex = "[0-9]{1,19}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("row", _Row())
_KEPT = "public, max-age=31536000, immutable"
READ: dict[str, View] = {
    "/": overview.page,
    "/activity": overview.activity,
    "/figures": overview.figures,
    "/now": overview.live,
    "/messages": messages.listing,
    "/messages/{id:row}": messages.story,
    "/contractors/{id:row}": contractors.page,
    "/why-not": why_not.page,
    "/replies": replies.page,
    "/drafts": drafts.page,
    "/dead": dead.page,
    "/triggers": triggers.page,
    "/triggers/{name}": triggers.one,
}
CHANGE: dict[str, tuple[View, View]] = {
    "/stop": (switches.ask_stop, switches.stop),
    "/start": (switches.ask_start, switches.start),
    "/contractors/{id:row}/pause": (contractors.ask_pause, contractors.pause),
    "/contractors/{id:row}/resume": (contractors.ask_resume, contractors.resume),
    "/contractors/{id:row}/opt-out": (
        opt_out.ask_opt_out(opt_out.of_contractor),
        opt_out.opt_out(opt_out.of_contractor),
    ),
    "/contractors/{id:row}/opt-in": (opt_out.ask_opt_in(opt_out.of_contractor), opt_out.opt_in(opt_out.of_contractor)),
    "/replies/{id:row}/opt-out": (opt_out.ask_opt_out(opt_out.of_reply), opt_out.opt_out(opt_out.of_reply)),
    "/replies/{id:row}/opt-in": (opt_out.ask_opt_in(opt_out.of_reply), opt_out.opt_in(opt_out.of_reply)),
    "/replies/{id:row}/seen": (replies.ask_seen, replies.seen),
    "/messages/{id:row}/cancel": (dead.ask_cancel, dead.cancel),
    "/drafts/{id:row}/approve": (drafts.ask_approve, drafts.approve),
    "/drafts/{id:row}/edit": (drafts.ask_edit, drafts.edit),
    "/drafts/{id:row}/reject": (drafts.ask_reject, drafts.reject),
    "/batches/{id:row}/approve": (drafts.ask_release, drafts.release),
    "/dead/redrive": (dead.ask_redrive, dead.redrive),
    "/what-if": (triggers.ask_trial, triggers.try_out),
}
"""Each change: the page that asks whether it is meant, and what does it."""


def routes(desk: Desk) -> list[BaseRoute]:
    """Return the console's routes, everything under /console; the bare address leads there."""
    return [Mount(HOME, app=_Headers(application(desk))), Route("/", _home)]


def application(desk: Desk) -> Starlette:
    """Return the console by itself; its addresses begin behind /console."""
    pages: list[BaseRoute] = [Route(path, guarded(desk, view)) for path, view in READ.items()]
    for path, (asks, does) in CHANGE.items():
        pages += [
            Route(path, guarded(desk, asks, changes=True), methods=["GET"]),
            Route(path, guarded(desk, does), methods=["POST"]),
        ]
    return Starlette(
        routes=[
            Mount("/static", app=StaticFiles(packages=[("ige_pipeline.console", "static")])),
            Route("/login", login.login(desk), methods=["GET", "POST"]),
            Route("/logout", login.logout(desk), methods=["POST"]),
            *pages,
        ],
        exception_handlers={HTTPException: _nothing, 500: _broken},
    )


class _Headers:
    """Put the headers that keep a page safe on whatever is answered; shipped files may be kept."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, query = scope.get("path", ""), scope.get("query_string", b"").decode("latin-1")
        static = path.startswith(f"{HOME}/static/")
        # Only what is asked for by its version is kept for good: others would show an old file after an update.
        kept = _KEPT if static and is_version(path.removeprefix(f"{HOME}/static/"), query) else "no-cache"

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message["headers"]}
                more = HEADERS | ({"Cache-Control": kept} if static and message["status"] == 200 else {})  # noqa: PLR2004
                message["headers"] = [
                    *message["headers"],
                    *((n.lower().encode(), v.encode()) for n, v in more.items() if n.lower().encode() not in there),
                ]
            await send(message)

        await self._app(scope, receive, with_headers)


async def _home(_: Request) -> Response:
    return RedirectResponse(f"{HOME}/", status_code=303)


async def _nothing(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return bare("sorry.html", status=status, title="There is no such page", sentence="Look at the address again.")


async def _broken(_: Request, __: Exception) -> Response:
    return bare("sorry.html", status=500, title="Something is wrong with us", sentence="It was logged. Try it again.")
