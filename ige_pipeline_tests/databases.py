"""Databases that tests use one after the other: clones of the migrated template, put back to what they were.

A clone takes a tenth of a second to make and to drop, and emptying the few tables that a test wrote to a hundredth.
Whatever else a test did to its database (an object, a right, a setting), the next one gets a new clone.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from ige_pipeline.postgres.queries import load

_QUERIES = load("ige_pipeline_tests", "databases.sql")


@dataclass(frozen=True)
class Clone:
    """A database as the migrations leave it: what its catalogs look like, and the rows of the tables that have any."""

    name: str
    shape: object
    rows: Mapping[str, bytes]


class Databases:
    """The databases of one worker on its session's server."""

    def __init__(self, server_url: str, *, template: str) -> None:
        self._server_url = server_url
        self._template = template
        self._maintenance = psycopg.connect(server_url, autocommit=True)
        self._unused: list[Clone] = []

    def close(self) -> None:
        self._maintenance.close()

    @contextmanager
    def migrated(self) -> Iterator[str]:
        """Lend the URL of a database as the migrations leave it."""
        clone = self._unused.pop() if self._unused else self._cloned()
        try:
            yield self._url(clone.name)
        finally:
            self._take_back(clone)

    @contextmanager
    def empty(self) -> Iterator[str]:
        """Lend the URL of a database with nothing in it."""
        name = self._create("template0")
        try:
            yield self._url(name)
        finally:
            self._drop(name)

    def _cloned(self) -> Clone:
        name = self._create(self._template)
        with psycopg.connect(self._url(name)) as conn:
            return Clone(name, _shape(conn), {table: _rows(conn, table) for table in _tables(conn)})

    def _take_back(self, clone: Clone) -> None:
        self._maintenance.execute(_QUERIES["end_sessions"], {"name": clone.name})
        again = self._put_back(clone)
        if again:
            self._unused.append(again)
        else:
            self._drop(clone.name)

    def _put_back(self, clone: Clone) -> Clone | None:
        """Undo what was written to the tables; None where more than that was changed."""
        try:
            with psycopg.connect(self._url(clone.name)) as conn:
                _drop_days(conn)
                if _shape(conn) != clone.shape:
                    return None
                _restore_rows(conn, clone.rows)
                return Clone(clone.name, _shape(conn), clone.rows)
        except psycopg.OperationalError:
            # The test dropped or renamed it, or it lets nobody in.
            return None

    def _create(self, template: str) -> str:
        name = f"ige_test_{secrets.token_hex(6)}"
        # Copying the files takes three quarters of the time of writing them into the log of a server that nobody keeps.
        create = "CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"
        words = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
        self._maintenance.execute(sql.SQL(create).format(**words))
        return name

    def _drop(self, name: str) -> None:
        self._maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _url(self, name: str) -> str:
        return urlsplit(self._server_url)._replace(path=f"/{name}").geturl()


def _shape(conn: psycopg.Connection) -> object:
    return conn.execute(_QUERIES["shape"]).fetchone()


def _tables(conn: psycopg.Connection) -> list[str]:
    return [name for (name,) in conn.execute(_QUERIES["tables"])]


def _drop_days(conn: psycopg.Connection) -> None:
    for (day,) in conn.execute(_QUERIES["days"]).fetchall():
        conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(day)))


def _rows(conn: psycopg.Connection, table: str) -> bytes:
    with conn.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as copy:
        return b"".join(copy)


def _restore_rows(conn: psycopg.Connection, rows: Mapping[str, bytes]) -> None:
    changed = [table for table in _tables(conn) if table not in rows or _rows(conn, table) != rows[table]]
    if changed:
        names = sql.SQL(", ").join(map(sql.Identifier, changed))
        conn.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))
    for table in rows.keys() & changed:
        with conn.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
            copy.write(rows[table])
    conn.execute(_QUERIES["rewind_sequences"])
