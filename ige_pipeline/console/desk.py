"""What the pages work with: the database, the settings in force, and who may enter."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import anyio

from ige_pipeline.console.access import Access
from ige_pipeline.console.trial import Trials
from ige_pipeline.environment import Environment
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.settings import Settings

READ_WITHIN_MS = 10_000
CHANGE_WITHIN_MS = 60_000
PAGES_AT_ONCE = 10


def in_a_thread(work: Callable[[], object]) -> None:
    """Do something beside, so that no page waits for it; it ends with the process."""
    threading.Thread(target=work, daemon=True).start()


@dataclass(frozen=True)
class Desk:
    """One console. `open_connection` gives a connection for the length of a block, from a pool or anew.

    `beside` does what takes longer than a page may. No statement of a page that reads may take longer than
    `read_within_ms`; `patience_s` is given beside that, to have a connection and to write the page. `threads` are those
    that pages are made in: however many wait for Postgres, whoever brings a reply finds one of the others free.
    """

    environment: Environment
    access: Access
    open_connection: Callable[[], AbstractContextManager[Connection]]
    beside: Callable[[Callable[[], object]], object] = in_a_thread
    read_within_ms: int = READ_WITHIN_MS
    patience_s: float = 3.0
    trials: Trials = field(default_factory=Trials)
    threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(PAGES_AT_ONCE))

    @contextmanager
    def connect(self, *, within_ms: int = READ_WITHIN_MS) -> Iterator[Connection]:
        """Give a connection for one request, on which no statement may take longer; Refusal without a server."""
        with self.open_connection() as conn:
            _allow(conn, within_ms)
            try:
                yield conn
            finally:
                if not conn.broken and not conn.closed:
                    _allow(conn, 0)

    def settings(self) -> Settings:
        """Return what is in force now."""
        return self.environment.settings()

    @property
    def consent_needed(self) -> bool:
        """Whether a text could leave this machine."""
        return self.environment.consent_needed


def _allow(conn: Connection, milliseconds: int) -> None:
    conn.execute("SELECT set_config('statement_timeout', %s, false)", [str(milliseconds)])
