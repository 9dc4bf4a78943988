"""Coming in with a token, and going out again."""

import logging
import re
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ige_pipeline.console.ask import Malformed
from ige_pipeline.console.desk import Desk
from ige_pipeline.console.gate import Endpoint, from_here, read_form, set_cookie, visitor_of
from ige_pipeline.console.render import HEADERS, HOME, bare
from ige_pipeline.console.session import COOKIE, is_form_mark, new_session

log = logging.getLogger(__name__)

_WITHIN = re.compile(re.escape(HOME) + r"/[A-Za-z0-9/_-]*")


def login(desk: Desk) -> Endpoint:
    """Ask for a token, and open a session for whoever has one."""

    async def endpoint(request: Request) -> Response:
        try:
            form = await read_form(request) if request.method == "POST" else {}
        except Malformed as wrong:
            return _form(desk, f"{HOME}/", wrong=str(wrong), status=400)
        after = _after((form.get("next") or [request.query_params.get("next", "")])[0])
        if request.method != "POST":
            return _form(desk, after)
        token = desk.access.by_token((form.get("token") or [""])[0].strip()) if from_here(request) else None
        if token is None:
            log.warning("Somebody tried to enter the console with a token that there is not.")
            return _form(desk, after, wrong="There is no such token.", status=401)
        response = RedirectResponse(after, status_code=303, headers=HEADERS)
        set_cookie(response, new_session(token.name, token.mark, now=datetime.now(UTC)), desk, request)
        return response

    return endpoint


def logout(desk: Desk) -> Endpoint:
    """Forget the session."""

    async def endpoint(request: Request) -> Response:
        visitor, _ = visitor_of(desk, request)
        response = RedirectResponse(f"{HOME}/login", status_code=303, headers=HEADERS)
        try:
            form = await read_form(request)
        except Malformed:
            return response
        if visitor is not None and is_form_mark((form.get("mark") or [""])[0], visitor, desk.access.key):
            response.delete_cookie(COOKIE, path=HOME, httponly=True, samesite="lax")
        return response

    return endpoint


def _form(desk: Desk, after: str, *, wrong: str | None = None, status: int = 200) -> Response:
    return bare("login.html", status=status, after=after, wrong=wrong, tokens=bool(desk.access.tokens))


def _after(asked: str) -> str:
    """Return where to go then: only a page of the console."""
    return asked if _WITHIN.fullmatch(asked) else f"{HOME}/"
