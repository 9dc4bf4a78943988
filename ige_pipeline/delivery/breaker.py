"""The circuit of one endpoint as Postgres keeps it: count what came back, change it, take the one probe."""

import copy
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any

from ige_pipeline.delivery.alert import end_alerts, raise_alert
from ige_pipeline.delivery.circuit import Circuit, Seen, after, news
from ige_pipeline.delivery.outbox import unflushed
from ige_pipeline.delivery.switches import audit
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load

_QUERIES = load(__package__, "breaker.sql")
_KEPT = tuple(field.name for field in fields(Circuit))


class Breaker:
    """One run's view of the circuit that it shares with all others."""

    def __init__(self, conn: Connection, *, endpoint: str, lease_seconds: float) -> None:
        self._conn = conn
        self._values = {"endpoint": endpoint, "lease_seconds": lease_seconds}
        self._endpoint = endpoint

    def over(self, conn: Connection) -> "Breaker":
        """Return the same circuit seen over another connection."""
        other = copy.copy(self)
        other._conn = conn  # noqa: SLF001 - a copy of ourselves
        return other

    def note(self, seen: Seen, *, accepted_at: datetime | None) -> Circuit:
        """Count what `seen` counted, and return how the endpoint stands now, the whole window taken into account."""
        counted = self._values | {"calls": seen.calls, "failures": seen.failures, "accepted_at": accepted_at}
        with unflushed(self._conn):
            noted = self._conn.execute(_QUERIES["note_calls"], counted)
        row = noted.fetchone() or {}
        while True:
            before = _circuit(row)
            whole = replace(seen, calls=row["calls"], failures=row["failures"])
            now = after(before, whole, now=row["now"])
            if now == before or self._change(before, now, whole, version=row["version"]):
                return now
            row = self._row() or row

    def read(self) -> Circuit:
        """Return how the endpoint stands."""
        row = self._row()
        return Circuit() if row is None else _circuit(row)

    def take_probe(self) -> bool:
        """Return whether this run may try one message now."""
        return self._conn.execute(_QUERIES["take_probe"], self._values).rowcount == 1

    def return_probe(self) -> None:
        """Nothing was there to be tried."""
        self._conn.execute(_QUERIES["return_probe"], self._values)

    def _row(self) -> dict[str, Any] | None:
        return self._conn.execute(_QUERIES["circuit"], self._values).fetchone()

    def _change(self, before: Circuit, now: Circuit, seen: Seen, *, version: int) -> bool:
        with self._conn.transaction():
            changed = self._values | asdict(now) | {"version": version}
            if self._conn.execute(_QUERIES["change_circuit"], changed).rowcount == 0:
                return False
            if before.state != "closed" and now.state == "closed":
                self._conn.execute(_QUERIES["forget_calls"], self._values)
            if now.state == "closed" and now.alerted == 0:
                end_alerts(self._conn, about=self._endpoint)
            for kind, sentence in news(before, now, seen, endpoint=self._endpoint):
                raise_alert(self._conn, kind=kind, about=self._endpoint, sentence=sentence)
        return True


def forget_old_calls(conn: Connection) -> None:
    """Drop what no window looks at any more."""
    conn.execute(_QUERIES["forget_old_calls"])


def circuits(conn: Connection) -> list[dict[str, Any]]:
    """Return how each endpoint stands that was ever posted to, with its calls and failures of the last five minutes."""
    return conn.execute(_QUERIES["circuit"], {"endpoint": None}).fetchall()


def resume(conn: Connection, endpoint: str, *, who: str) -> bool:
    """Close a circuit by hand; return whether there is one of that endpoint."""
    with conn.transaction():
        found = conn.execute(_QUERIES["resume"], {"endpoint": endpoint}).rowcount == 1
        conn.execute(_QUERIES["forget_calls"], {"endpoint": endpoint})
        if found:
            conn.execute(_QUERIES["end_waits"])
        end_alerts(conn, about=endpoint)
        audit(conn, who=who, action="endpoint_resume", detail={"endpoint": endpoint, "found": found})
    return found


def _circuit(row: dict[str, Any]) -> Circuit:
    return Circuit(**{name: row[name] for name in _KEPT})
