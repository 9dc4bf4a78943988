"""How we talk to Postgres: one kind of connection, and one sentence when there is none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from psycopg import conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from ige_pipeline.refusal import Refusal

Connection = psycopg.Connection[DictRow]
Pool = ConnectionPool[Connection]
_KIND: dict[str, Any] = {
    "application_name": "ige_pipeline",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    # What was sent and is not acknowledged is not covered by keepalives: the system alone would wait for 15 minutes.
    "tcp_user_timeout": 25_000,
}

_SCHEMES = ("postgresql+psycopg2://", "postgresql+psycopg://", "postgresql+asyncpg://", "postgres://")
_UNREADABLE = (
    "IGE_DATABASE_URL cannot be read: write it as postgresql://user:password@host:5432/name, with %40 for an @ and "
    "%2F for a / in the password."
)


def normalise_url(url: str) -> str:
    """Write any of the usual spellings of a Postgres URL as `postgresql://…`; Refusal for anything else."""
    for scheme in _SCHEMES:
        if url.startswith(scheme):
            return "postgresql://" + url.removeprefix(scheme)
    if not url.startswith("postgresql://"):
        raise Refusal("IGE_DATABASE_URL is not a Postgres URL: write it as postgresql://user:password@host:5432/name.")
    return url


def describe(url: str) -> str:
    """Name a database without its password: host:port/name."""
    try:
        parts = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "an unreadable URL"
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


@dataclass(frozen=True)
class Database:
    """A database by its URL. Connections autocommit, give rows as dicts and name themselves `ige_pipeline`."""

    url: str = field(repr=False)
    connect_timeout_s: int = 5

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open a connection for the length of the block; Refusal when the server cannot be reached."""
        with connect(self.url, connect_timeout_s=self.connect_timeout_s) as conn:
            yield conn


def connect(url: str, *, connect_timeout_s: int = 5, **options: Any) -> Connection:
    """Connect to `url` (seconds until giving up: `connect_timeout_s`); Refusal when that is not possible.

    TCP keepalives end a half-open connection after about 25 s, so that no run waits for a server that is gone.
    """
    plain = normalise_url(url)
    _require_legible(plain)
    try:
        conn = psycopg.connect(
            plain, autocommit=True, row_factory=dict_row, connect_timeout=connect_timeout_s, **_KIND, **options
        )
        _prepare(conn)
    except psycopg.OperationalError as error:
        raise Refusal(f"Postgres at {describe(url)} cannot be reached ({_first_line(error)}).") from error
    return conn


@contextmanager
def open_pool(url: str, *, size: int) -> Iterator[Pool]:
    """Keep up to so many connections for the length of the block; who waits for one for over 5 s gets PoolTimeout."""
    kind = {"autocommit": True, "row_factory": dict_row, "connect_timeout": 5, **_KIND}
    with Pool(
        normalise_url(url),
        kwargs=kind,
        min_size=1,
        max_size=size,
        timeout=5,
        configure=_prepare,
        check=Pool.check_connection,
    ) as pool:
        yield pool


def _prepare(conn: Connection) -> None:
    # The planner thinks our look-ups far dearer than they are, and would compile them for longer than they run.
    conn.execute("SET jit = off")


def another(conn: Connection) -> Callable[[], Connection]:
    """Return what opens another connection to the same database, as the same role, even once this one is cut."""
    ours = {*_KIND, "connect_timeout"}
    known: dict[str, Any] = {name: value for name, value in conn.info.get_parameters().items() if name not in ours}
    return partial(connect, "postgresql://", **known, password=conn.info.password)


def _require_legible(url: str) -> None:
    """Refuse a URL in which a piece of the password would be taken for a host, a port or a name, and so be shown."""
    try:
        parts = {key: str(value or "") for key, value in conninfo.conninfo_to_dict(url).items()}
    except psycopg.ProgrammingError:
        # Its text quotes a piece of the password.
        raise Refusal(_UNREADABLE) from None
    shown = [parts.get(key, "") for key in ("host", "port", "dbname")]
    if any("@" in part for part in shown) or not all(port.isdecimal() for port in parts.get("port", "0").split(",")):
        raise Refusal(_UNREADABLE)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
