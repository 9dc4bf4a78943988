"""Made-up people: N contractors with two goals, six items, three trust rows and three messages each.

They are only ever put into an empty database of a server that the benchmark itself started.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from psycopg import sql

from ige_pipeline.postgres import embedded
from ige_pipeline.postgres.connection import Connection, Database, connect
from ige_pipeline.postgres.lanes import lanes_of
from ige_pipeline.postgres.migrate import migrate
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal

_QUERIES = load(__package__, "population.sql")


def server_settings() -> tuple[str, ...]:
    """Return what one would give a server of its own: a quarter of the memory, as Postgres' manual says."""
    quarter_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4 // 2**20
    return (f"shared_buffers={quarter_mb}MB", "max_wal_size=8GB", "checkpoint_timeout=30min")


@contextmanager
def own_server() -> Iterator[str]:
    """Start a durable server in a temporary folder, give its URL, and discard it with all its data."""
    folder = Path(tempfile.mkdtemp(prefix="ige-bench-")) / "postgres"
    try:
        yield embedded.ensure_running(folder, settings=server_settings())
    finally:
        embedded.discard(folder)
        folder.parent.rmdir()


@contextmanager
def populated(server_url: str, *, contractors: int, lanes: int = 2) -> Iterator[tuple[Connection, ...]]:
    """Make a migrated database of its own with so many contractors, give connections to it, and drop it."""
    with own_database(server_url) as url, lanes_of(Database(url), lanes) as conns:
        for conn in conns:
            # Each batch has connections of its own, and never lives to see a plan that was kept.
            conn.prepare_threshold = None
        populate(conns[0], contractors=contractors)
        yield conns


@contextmanager
def own_database(server_url: str) -> Iterator[str]:
    """Make a migrated database, give its URL, and drop it."""
    name = f"ige_bench_{secrets.token_hex(6)}"
    url = urlsplit(server_url)._replace(path=f"/{name}").geturl()
    with connect(server_url) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            migrate(url)
            yield url
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def populate(conn: Connection, *, contractors: int) -> None:
    """Fill the connection's database with made-up people; Refusal when it was not made by `populated`, or has some."""
    if not conn.info.dbname.startswith("ige_bench_") or conn.execute("SELECT FROM contractors LIMIT 1").rowcount:
        raise Refusal("The benchmark only fills an empty database that it made itself.")
    for name in _QUERIES.statements:
        conn.execute(_QUERIES[name], {"contractors": contractors} if "%(" in _QUERIES[name] else None)
    # As the server would be after a night; and what all this wrote is not the benchmark's to flush.
    conn.execute("VACUUM (ANALYZE)")
    conn.execute("CHECKPOINT")
