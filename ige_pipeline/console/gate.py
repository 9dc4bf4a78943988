"""The gate: who a request is from, whether they may ask that, and what is said when something is wrong."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from urllib.parse import parse_qs, quote, urlsplit

import anyio
import anyio.to_thread
import psycopg
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ige_pipeline.console.access import BY_PROXY
from ige_pipeline.console.ask import Ask, Malformed, Missing
from ige_pipeline.console.desk import CHANGE_WITHIN_MS, Desk
from ige_pipeline.console.logouts import is_out
from ige_pipeline.console.render import HEADERS, HOME, bare
from ige_pipeline.console.session import COOKIE, Session, Visitor, is_form_mark, new_session, opened, sealed
from ige_pipeline.loopback import is_loopback
from ige_pipeline.postgres.refused import refused_sentence
from ige_pipeline.refusal import Refusal

log = logging.getLogger(__name__)

View = Callable[[Desk, Ask], Response]
Endpoint = Callable[[Request], Awaitable[Response]]
_LARGEST_FORM = 64 * 1024
_MOST_FIELDS = 1_000


def guarded(desk: Desk, view: View, *, changes: bool = False) -> Endpoint:
    """Make an endpoint of a view: only for visitors, changes only by those who may, from our own forms.

    `changes` marks a page that asks whether a change is meant: it is shown only to those who may make it.
    """

    async def endpoint(request: Request) -> Response:
        visitor, cookie = visitor_of(desk, request)
        if visitor is None:
            return _to_login(request)
        if changes and not visitor.may_change:
            return _only_looking()
        try:
            response = await _let_in(desk, view, request, visitor)
        except Malformed as wrong:
            response = _sorry(400, "That cannot be read", str(wrong))
        except _LoggedOutError:
            return _to_login(request)
        if cookie is not None:
            set_cookie(response, cookie, desk, request)
        return response

    return endpoint


async def _let_in(desk: Desk, view: View, request: Request, visitor: Visitor) -> Response:
    form = await read_form(request) if request.method == "POST" else {}
    if request.method == "POST":
        if not from_here(request) or not is_form_mark(
            (form.get("mark") or [""])[0], visitor, desk.access.key(visitor.by)
        ):
            return _sorry(403, "This form is not one of ours", "Go back, load the page again, and send it once more.")
        if not visitor.may_change:
            return _only_looking()
    asked = partial(
        Ask,
        visitor=visitor,
        path=request.url.path,
        parts=request.path_params,
        query=_fields(request.url.query),
        form=form,
        fragment=request.headers.get("hx-request") == "true",
    )
    within_ms = CHANGE_WITHIN_MS if request.method == "POST" else desk.read_within_ms
    with anyio.move_on_after(within_ms / 1000 + desk.patience_s):
        answer = partial(_answer, desk, view, asked, visitor, within_ms=within_ms)
        return await anyio.to_thread.run_sync(answer, abandon_on_cancel=True, limiter=desk.threads)
    # A server that hangs, or is reached no more, keeps no promise of how long a statement may take.
    log.warning("A page of the console waits for Postgres, which does not answer.")
    return no_answer()


class _LoggedOutError(Exception):
    """Somebody logged out of this session, wherever its cookie comes from now."""


def _only_looking() -> Response:
    return _sorry(403, "You may look, not change", "Your role is viewer: ask an operator.")


def _answer(desk: Desk, view: View, asked: Callable[..., Ask], visitor: Visitor, *, within_ms: int) -> Response:
    """Open a connection in the thread that uses it, and say what is wrong in one sentence."""
    try:
        with desk.connect(within_ms=within_ms) as conn:
            if is_out(conn, visitor):
                raise _LoggedOutError
            return view(desk, asked(conn=conn))
    except Missing:
        return _sorry(404, "That is not here", "It may never have been, or it is no longer kept.")
    except Refusal as refusal:
        return _sorry(409, "That was refused", str(refusal))
    except psycopg.errors.QueryCanceled:
        return _sorry(503, "That took too long", "Ask for less: a person, a message, a shorter time.")
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        log.warning("A page of the console failed: %s", type(error).__name__)
        return no_answer()
    except psycopg.Error as error:
        log.warning("A page of the console failed: %s", refused_sentence(error))
        return _sorry(
            503, "Postgres said no", "It refused what this page asks of it; why is in the log of `ige serve`."
        )


def visitor_of(desk: Desk, request: Request) -> tuple[Visitor | None, Session | None]:
    """Return who a request is from, and a session that must be kept for them where they have none yet."""
    now, access = datetime.now(UTC), desk.access
    session = opened(request.cookies.get(COOKIE, ""), access.key, now=now)
    if access.proxy is not None:
        known = access.proxy.user(request.headers.getlist, request.client.host if request.client else None)
        if known is not None:
            name, role = known
            if session is not None and (session.name, session.by) == (name, BY_PROXY):
                return Visitor(name, role, session.mark), None
            fresh = new_session(name, BY_PROXY, now=now)
            return Visitor(name, role, fresh.mark), fresh
    token = access.by_mark(session.name, session.by) if session is not None else None
    if session is None or token is None:
        return None, None
    until = datetime.fromtimestamp(session.until, UTC)
    return Visitor(token.name, token.role, session.mark, until, by=token.mark), None


def set_cookie(response: Response, session: Session, desk: Desk, request: Request) -> None:
    """Keep a session: out of reach of scripts and of other sites' forms, never in the clear except on this machine.

    A link from elsewhere finds it (`lax`): a session that was begun anew instead would break the forms that are open.
    """
    response.set_cookie(
        COOKIE,
        sealed(session, desk.access.key(session.by)),
        path=HOME,
        httponly=True,
        samesite="lax",
        secure=_by_tls(request) or not is_loopback(request.headers.get("host")),
    )


def _by_tls(request: Request) -> bool:
    """Whether a proxy says that the browser spoke TLS to it: it may call us by our address on this machine."""
    first = request.headers.get("x-forwarded-proto", "").partition(",")[0]
    return first.strip().lower() == "https"


async def read_form(request: Request) -> Mapping[str, list[str]]:
    """Read a form as browsers send it; Malformed where it is something else, or too long."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"application/x-www-form-urlencoded", ""}:
        raise Malformed("A form is sent as application/x-www-form-urlencoded.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_FORM:
            raise Malformed("This form is too long.")
    return _fields(body.decode("utf-8", errors="replace"))


def _fields(written: str) -> Mapping[str, list[str]]:
    try:
        return parse_qs(written, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise Malformed("There are too many fields.") from error


def from_here(request: Request) -> bool:
    """Whether a browser says that a form was sent from a page of ours; old ones say where from, or nothing."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if site is not None:
        # A proxy may have given us another name than the browser knows.
        return site in {"same-origin", "none"}
    return origin is None or _host_of(origin) == request.headers.get("host")


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _to_login(request: Request) -> Response:
    """Send a browser to the login page; a piece of a page that asks again by itself makes the whole page go there."""
    here = request.url.path if request.method == "GET" else f"{HOME}/"
    where = f"{HOME}/login?next={quote(here)}"
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers=HEADERS | {"HX-Redirect": f"{HOME}/login"})
    return RedirectResponse(where, status_code=303, headers=HEADERS)


def no_answer() -> Response:
    """Say that the database is away."""
    told = "Nothing can be shown, and what you asked for may not have been done. `ige doctor` says what is wrong."
    return _sorry(503, "Postgres does not answer", told)


def _sorry(status: int, title: str, sentence: str) -> Response:
    return bare("sorry.html", status=status, title=title, sentence=sentence)
