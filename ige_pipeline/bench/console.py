"""How long a person waits for each page, with a million messages behind it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from starlette.applications import Starlette
from starlette.testclient import TestClient

from ige_pipeline.bench.measure import stopwatch
from ige_pipeline.bench.population import own_server, populated
from ige_pipeline.console import figures
from ige_pipeline.console.access import for_this_machine
from ige_pipeline.console.desk import Desk
from ige_pipeline.console.routes import routes
from ige_pipeline.environment import Environment
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load

_QUERIES = load(__package__, "console.sql")
_FILLING = ("attempts", "partitions", "batches", "decisions", "explained", "ended")
_EACH = 3
"""Messages of one made-up contractor."""


@dataclass(frozen=True)
class Page:
    """One page, and what it took: the median and the longest of all rounds, in milliseconds, after one to warm up."""

    path: str
    median_ms: float
    longest_ms: float


@dataclass(frozen=True)
class Report:
    """Every page, how many messages there were, and the seconds in which the figures of the days were counted."""

    messages: int
    first_count_seconds: float
    count_seconds: float
    pages: list[Page]


def run(*, messages: int, rounds: int) -> Report:
    """Fill a database of its own, and open every page so many times."""
    with own_server() as url, populated(url, contractors=-(-messages // _EACH), lanes=1) as (conn,):
        for name in _FILLING:
            conn.execute(_QUERIES[name])
        conn.execute("VACUUM (ANALYZE)")
        first, again = _count(conn), _count(conn)
        with _visitor(conn) as client:
            return Report(messages, first, again, [_time(client, path, rounds) for path in _paths(conn)])


def _count(conn: Connection) -> float:
    return stopwatch(lambda: figures.count(conn))[0]


@contextmanager
def _visitor(conn: Connection) -> Iterator[TestClient]:
    """Somebody who has logged in. Pages are answered in this process, each over the one connection."""
    access = for_this_machine()
    environment = Environment({"N8N_OUTBOUND_WEBHOOK_URL": "http://127.0.0.1:9/"})

    @contextmanager
    def connection() -> Iterator[Connection]:
        yield conn

    desk = Desk(environment, access, connection, beside=lambda _: None)
    with TestClient(Starlette(routes=routes(desk)), base_url="http://127.0.0.1") as client:
        client.post("/console/login", data={"token": access.tokens[0].secret})
        yield client


def _paths(conn: Connection) -> list[str]:
    found = conn.execute(_QUERIES["somebody"]).fetchone() or {}
    who, message, deep = found["contractor_id"], found["message_id"], found["deep"]
    return [
        "/",
        "/activity",
        "/messages",
        f"/messages?before={deep}",
        "/messages?state=waiting",
        "/messages?state=dead",
        "/messages?state=cancelled",
        "/messages?state=expired",
        "/messages?state=answered",
        "/messages?q=no+such+words",
        "/messages?q=builder+1500",
        "/messages?trigger=data_gap",
        f"/messages/{message}",
        f"/contractors/{who}",
        f"/why-not?contractor={who}",
        f"/why-not?contractor={who}&at=2026-01-01T10:00",
        "/drafts",
        "/dead",
        "/triggers",
        "/triggers/high_priority_goal",
        "/stop",
    ]


def _time(client: TestClient, path: str, rounds: int) -> Page:
    took = []
    for _ in range(rounds + 1):
        seconds, answer = stopwatch(lambda: client.get(f"/console{path}"))
        if answer.status_code != 200:  # noqa: PLR2004 - OK
            raise RuntimeError(f"{path} was answered {answer.status_code}.")
        took.append(seconds * 1000)
    return Page(path, median(took[1:]), max(took[1:]))
