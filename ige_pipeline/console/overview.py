"""The first page: how things stand, whether anything needs a person, and what happens at this moment."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response

from ige_pipeline.console import figures as daily
from ige_pipeline.console import render
from ige_pipeline.console.ask import Ask
from ige_pipeline.console.desk import Desk
from ige_pipeline.console.replies import count_flagged
from ige_pipeline.delivery import outbox
from ige_pipeline.delivery.alert import open_alerts
from ige_pipeline.delivery.breaker import circuits
from ige_pipeline.delivery.held import count_waiting
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load

_QUERIES = load(__package__, "overview.sql")
_LATE = timedelta(minutes=30)
_QUIET = timedelta(hours=2)
Row = dict[str, Any]
Call = tuple[str, str, str]


def page(desk: Desk, ask: Ask) -> Response:
    """Show everything at a glance."""
    conn = ask.conn
    return render.page(
        desk,
        ask,
        "overview.html",
        counted=daily.count_if_old(desk, conn),
        figures=daily.figures(conn),
        hours=conn.execute(_QUERIES["hours"]).fetchall(),
        happened=_happened(conn),
        changed=False,
        **_now(desk, conn),
    )


def live(desk: Desk, ask: Ask) -> Response:
    """Return what stands now; also what every page says of sending, and the calls, if the page shows others."""
    stands = _now(desk, ask.conn)
    return render.page(desk, ask, "_live.html", **stands, changed=ask.query.get("seen") != [stands["word"]])


def _now(desk: Desk, conn: Connection) -> dict[str, Any]:
    """Return what changes from one moment to the next; `word` is another when the calls or the switches are."""
    settings, standing = desk.settings(), outbox.standing(conn)
    backlog = outbox.backlog(conn, adopted=standing.adopted)
    coming = outbox.forecast(conn, settings, unsent=backlog["unsent"])
    oldest = (conn.execute(_QUERIES["oldest_due"], {"adopted": standing.adopted}).fetchone() or {})["oldest_due"]
    calls = list(_calls(conn, standing, keeps_up=coming.keeps_up, oldest=oldest))
    return {
        "backlog": backlog,
        "coming": coming,
        "oldest": oldest,
        "circuits": circuits(conn),
        "spend": _one(conn, "spend"),
        "limit": settings.model_spend_per_day_usd,
        "calls": calls,
        "word": hashlib.sha256(repr((standing, calls)).encode()).hexdigest()[:16],
    }


def activity(desk: Desk, ask: Ask) -> Response:
    """Return the stream by itself: the page asks for it every few seconds."""
    return render.page(desk, ask, "_activity.html", happened=_happened(ask.conn))


def figures(desk: Desk, ask: Ask) -> Response:
    """Return the four figures by themselves: asked for until they were counted the first time."""
    counted = daily.count_if_old(desk, ask.conn)
    return render.page(desk, ask, "_figures.html", figures=daily.figures(ask.conn), counted=counted)


def _happened(conn: Connection) -> list[Row]:
    return conn.execute(_QUERIES["activity"]).fetchall()


def _one(conn: Connection, name: str) -> Row:
    return conn.execute(_QUERIES[name]).fetchone() or {}


def _calls(conn: Connection, standing: outbox.Standing, *, keeps_up: bool, oldest: datetime | None) -> Iterator[Call]:
    """Say what a person should look at: how grave, the sentence, and where."""
    yield from (("bad", each["sentence"], "") for each in open_alerts(conn))
    if standing.other_sender:
        yield "bad", "Another program marked messages as sent within the last hour: the old worker may be running.", ""
    if not standing.adopted:
        yield "warn", "Work of the old system waits until it is adopted: `ige adopt`.", ""
    waits = _one(conn, "attention")
    if waits["held"]:
        yield "warn", f"{_many(waits['held'], 'batch', 'batches')} held for a person.", "drafts"
    if drafts := count_waiting(conn):
        yield "warn", f"{_many(drafts, 'draft waits', 'drafts wait')} for a person.", "drafts"
    if flagged := count_flagged(conn):
        yield "warn", f"{_many(flagged, 'reply waits', 'replies wait')} for a person.", "replies?flagged=yes"
    if waits["dead"]:
        yield "warn", f"{_many(waits['dead'], 'message', 'messages')} died in the last 24 hours.", "dead"
    if not keeps_up:
        yield "warn", "More arrives than can leave at this pace: raise messages_per_second.", ""
    yield from _late(waits["last_batch"], None if standing.stopped else oldest)


def _late(last_batch: datetime | None, oldest: datetime | None) -> Iterator[Call]:
    now = datetime.now(UTC)
    if last_batch is None or now - last_batch > _QUIET:
        since = "ever" if last_batch is None else f"since {render.utc(last_batch)} UTC"
        yield "warn", f"No batch has ended {since}: are the schedules on?", ""
    if oldest is not None and now - oldest > _LATE:
        yield "warn", f"A message has been due since {render.utc(oldest)} UTC: is delivery running?", "messages"


def _many(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"
