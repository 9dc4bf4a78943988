"""A server, a database and people of our own: nothing else is ever harmed."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ige_pipeline.chaos.receiver import Counted
from ige_pipeline.postgres import embedded
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline.postgres.migrate import migrate
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal

_QUERIES = load(__package__, "world.sql")
ENOUGH = 70
"""More than a run can post, at one a millisecond, in the time that it is given before it is harmed."""


@dataclass(frozen=True)
class World:
    """A database that may be harmed; `folder` is that of its server, which may be harmed as well where it is ours."""

    url: str
    folder: Path | None = None

    def fill(self, messages: int) -> None:
        """Put so many messages into the outbox, each to somebody new."""
        with connect(self.url) as conn:
            conn.execute(_QUERIES["people"], {"messages": messages, "zone": _noon()})

    def top_up(self, messages: int = ENOUGH) -> None:
        """See that so many messages wait: a run that is to be harmed must not finish before."""
        self.fill(max(0, messages - len(self.not_sent())))

    def unmarked(self, posted: Iterable[int]) -> list[int]:
        """Return those of the posted messages that the table does not know to be sent."""
        return self._ids("unmarked", ids=list(posted))

    def not_sent(self) -> list[int]:
        """Return what has not been sent."""
        return self._ids("not_sent")

    def messages(self) -> list[int]:
        """Return everything."""
        return self._ids("all_messages")

    def cut_everybody(self) -> None:
        """End every other connection to the database."""
        with connect(self.url) as conn:
            conn.execute(_QUERIES["cut_everybody"])

    def _ids(self, query: str, **values: object) -> list[int]:
        with connect(self.url) as conn:
            return [row["id"] for row in conn.execute(_QUERIES[query], values)]


@contextmanager
def own_world() -> Iterator[World]:
    """Start a durable server in a temporary folder, and discard it with all its data."""
    folder = Path(tempfile.mkdtemp(prefix="ige-chaos-")) / "postgres"
    try:
        # Should we be killed ourselves, the server stops when nobody has been connected for ten minutes.
        url = embedded.ensure_running(folder)
        migrate(url)
        with connect(url) as conn:
            require_empty(conn)
        yield World(url, folder)
    finally:
        embedded.discard(folder)
        folder.parent.rmdir()


def require_empty(conn: Connection) -> None:
    """Refuse a database in which there is anybody: this one was not started for us."""
    if conn.execute("SELECT FROM contractors LIMIT 1").rowcount:
        raise Refusal("Chaos only harms an empty database on a server that it started itself.")


def repeats(counted: Counted) -> dict[int, int]:
    """Return how often each message arrived more than once."""
    return {message_id: times - 1 for message_id, times in counted.times.items() if times > 1}


def _noon() -> str:
    """Return a zone in which it is about noon: nobody is woken, and nothing waits for the morning."""
    ahead = (12 - datetime.now(UTC).hour + 11) % 24 - 11
    # POSIX counts westward: Etc/GMT-5 is five hours ahead of UTC.
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
