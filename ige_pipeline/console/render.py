"""From values to HTML: everything is escaped, nothing is inline, nothing is kept by the browser."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.responses import HTMLResponse, Response

from ige_pipeline.console import chart
from ige_pipeline.console.ask import Ask
from ige_pipeline.console.desk import Desk
from ige_pipeline.console.session import form_mark
from ige_pipeline.masking import masked
from ige_pipeline.postgres.queries import load

HOME = "/console"
STATIC = f"{HOME}/static"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
_QUERIES = load(__package__, "console.sql")
PLACES = (
    ("Overview", f"{HOME}/"),
    ("Messages", f"{HOME}/messages"),
    ("Replies", f"{HOME}/replies"),
    ("Why not", f"{HOME}/why-not"),
    ("Drafts", f"{HOME}/drafts"),
    ("Dead letters", f"{HOME}/dead"),
    ("Triggers", f"{HOME}/triggers"),
)
DONE = {
    "stopped": "All sending is stopped.",
    "started": "Sending is on.",
    "paused": "Paused: nothing is sent to them.",
    "resumed": "The pause is lifted.",
    "opted_out": "They are opted out: nothing goes to this number any more.",
    "opted_in": "The opt-out is lifted.",
    "seen": "You have looked at it.",
    "cancelled": "The message is cancelled.",
    "approved": "The draft is approved and scheduled.",
    "edited": "The draft has its new text and goes on waiting.",
    "rejected": "The draft is rejected.",
    "released": "The batch is approved; its messages are scheduled.",
    "redriven": "Sent on their way again: {sent}. The next delivery run asks every safeguard and sends what may go.",
    "redriven_in_part": (
        "Sent on their way again: {sent}. The next delivery run asks every safeguard and sends what may go. "
        "Still dead: {left}, because their time is over, or another message about the same waits or was sent."
    ),
}
"""What a page says after a change; the address holds only the word."""


def page(
    desk: Desk, ask: Ask, template: str, *, status: int = 200, now_true: Mapping[str, bool] | None = None, **values: Any
) -> Response:
    """Fill a page of the console: what every page shows is added.

    `now_true` says which words of DONE are still so: the address of a page outlives what was done.
    """
    stop = ask.conn.execute(_QUERIES["stop"]).fetchone() or {"stopped": False}
    still = {"stopped": stop["stopped"], "started": not stop["stopped"], **(now_true or {})}
    around = {
        "visitor": ask.visitor,
        "mark": form_mark(ask.visitor, desk.access.key(ask.visitor.by)),
        "stop": stop,
        "path": ask.path,
        "places": PLACES,
        "done": _done(ask, still),
    }
    return bare(template, status=status, **(around | values))


def _done(ask: Ask, still: Mapping[str, bool]) -> str | None:
    """Return the sentence of what was done, None where it is not so any more."""
    word = " ".join(ask.query.get("done", ()))
    counts = {name: " ".join(ask.query.get(name, ())) for name in ("sent", "left")}
    told = DONE.get(word) if still.get(word, True) else None
    known = all(each.isdecimal() and len(each) <= 3 for each in counts.values())  # noqa: PLR2004 - 500 at once
    return told.format(**counts) if told and (known or "{" not in told) else None


def bare(template: str, *, status: int = 200, **values: Any) -> Response:
    """Fill a page for somebody who is not in, or of whom nothing is known."""
    text = _templates().get_template(template).render(now=datetime.now(UTC), **values)
    return HTMLResponse(text, status_code=status, headers=HEADERS)


@pass_context
def _masked(context: Context, text: Any) -> str:
    """As `masked`, for whoever looks at the page; for somebody of whom nothing is known nothing is shown."""
    visitor = context.get("visitor")
    return masked(text, shown=visitor is not None and visitor.sees_numbers)


def phone(number: str | None, *, shown: bool) -> str:
    """Show a stored number, or its last four digits."""
    if not number:
        return "no number"
    digits = "".join(char for char in number if char.isdecimal())
    return number if shown else f"…{digits[-4:]}"


def ago(moment: datetime | None, now: datetime) -> str:
    """Say how long ago something was, or how far ahead it lies."""
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    span = _span(abs(seconds))
    return "just now" if span is None else f"{span} ago" if seconds > 0 else f"in {span}"


def _span(seconds: float) -> str | None:
    for unit, word, until in ((1, "s", 60), (60, "min", 3600), (3600, "h", 172_800), (86_400, "days", float("inf"))):
        if seconds < until:
            count = int(seconds // unit)
            return None if unit == 1 and count < 5 else f"{count} {word}"  # noqa: PLR2004 - as good as now
    return None


def utc(moment: datetime | None, form: str = "%Y-%m-%d %H:%M") -> str:
    """Write a time as everywhere in this project: UTC."""
    return "" if moment is None else moment.astimezone(UTC).strftime(form)


def count(number: float | None) -> str:
    """Write a number for people."""
    return "-" if number is None else f"{number:,.0f}"


def share(number: float | None) -> str:
    """Write a share as a percentage."""
    return "-" if number is None else f"{number * 100:.1f}%"


def words(name: str | None) -> str:
    """Read a name of the code as words."""
    return (name or "").replace("_", " ")


@cache
def static(name: str) -> str:
    """Return the address of a shipped file; it changes with the file, which browsers may therefore keep."""
    content = files(__package__).joinpath("static", name).read_bytes()
    return f"{STATIC}/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


def is_version(name: str, query: str) -> bool:
    """Whether a shipped file is asked for as the one it is now."""
    shipped = {each.name for each in files(__package__).joinpath("static").iterdir()}
    return name in shipped and f"{STATIC}/{name}?{query}" == static(name)


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(utc=utc, count=count, share=share, words=words, ago=ago, masked=_masked, phone=phone)
    known: Mapping[str, Any] = {"static": static, "home": HOME, "chart": chart}
    made.globals.update(known)
    return made
