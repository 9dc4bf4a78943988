"""Coming in with a token, and going out again."""

import logging
import re
from datetime import UTC, datetime

import anyio
import anyio.to_thread
import psycopg
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ige_pipeline.console.ask import Malformed
from ige_pipeline.console.desk import Desk
from ige_pipeline.console.gate import Endpoint, from_here, read_form, set_cookie, visitor_of
from ige_pipeline.console.guesses import Guesses
from ige_pipeline.console.logouts import log_out
from ige_pipeline.console.render import HEADERS, HOME, bare
from ige_pipeline.console.session import COOKIE, Visitor, is_form_mark, new_session
from ige_pipeline.refusal import Refusal

log = logging.getLogger(__name__)

_LOGOUT_WITHIN_S = 8.0
_WITHIN = re.compile(re.escape(HOME) + r"/[A-Za-z0-9/_-]*")


def login(desk: Desk) -> Endpoint:
    """Ask for a token, and open a session for whoever has one."""
    guesses = Guesses()

    async def endpoint(request: Request) -> Response:
        try:
            form = await read_form(request) if request.method == "POST" else {}
        except Malformed as wrong:
            return _form(desk, f"{HOME}/", wrong=str(wrong), status=400)
        after = _after((form.get("next") or [request.query_params.get("next", "")])[0])
        if request.method != "POST":
            return _form(desk, after)
        where, now = request.client.host if request.client else "", datetime.now(UTC)
        # A right one first: behind a proxy all come from one address, and who guesses there must lock nobody out.
        token = desk.access.by_token((form.get("token") or [""])[0].strip()) if from_here(request) else None
        if token is None:
            return _wrong(desk, after, guesses.wrong(where, now=now))
        response = RedirectResponse(after, status_code=303, headers=HEADERS)
        set_cookie(response, new_session(token.name, token.mark, now=now), desk, request)
        return response

    return endpoint


def _wrong(desk: Desk, after: str, wait: int | None) -> Response:
    if wait is None:
        log.warning("Somebody tried to enter the console with a token that there is not.")
        return _form(desk, after, wrong="There is no such token.", status=401)
    slower = _form(desk, after, wrong="Too many tokens were wrong: wait a minute.", status=429)
    slower.headers["Retry-After"] = str(wait)
    return slower


def logout(desk: Desk) -> Endpoint:
    """Forget the session."""

    async def endpoint(request: Request) -> Response:
        visitor, _ = visitor_of(desk, request)
        response: Response = RedirectResponse(f"{HOME}/login", status_code=303, headers=HEADERS)
        try:
            form = await read_form(request)
        except Malformed:
            return response
        if visitor is not None and is_form_mark((form.get("mark") or [""])[0], visitor, desk.access.key(visitor.by)):
            response = await _ended(desk, visitor) or response
            response.delete_cookie(COOKIE, path=HOME, httponly=True, samesite="lax")
        return response

    return endpoint


async def _ended(desk: Desk, visitor: Visitor) -> Response | None:
    """Refuse this session from now on, also to whoever has a copy of its cookie; the answer, where that cannot be."""

    def end() -> None:
        with desk.connect() as conn:
            log_out(conn, visitor)

    try:
        with anyio.fail_after(_LOGOUT_WITHIN_S):
            await anyio.to_thread.run_sync(end, abandon_on_cancel=True, limiter=desk.threads)
    except (TimeoutError, Refusal, psycopg.Error) as error:
        log.warning("A logout could not be written down: %s", type(error).__name__)
        told = f"This browser is out. A copy of its cookie, should there be one, holds until {visitor.until:%H:%M} UTC."
        return bare("sorry.html", status=503, title="Postgres does not answer", sentence=told)
    return None


def _form(desk: Desk, after: str, *, wrong: str | None = None, status: int = 200) -> Response:
    return bare("login.html", status=status, after=after, wrong=wrong, tokens=bool(desk.access.tokens))


def _after(asked: str) -> str:
    """Return where to go then: only a page of the console."""
    return asked if _WITHIN.fullmatch(asked) else f"{HOME}/"
