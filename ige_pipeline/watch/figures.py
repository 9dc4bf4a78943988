"""The figures that checks judge, read in a few short questions."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from ige_pipeline.delivery.breaker import circuits
from ige_pipeline.delivery.outbox import arrivals_per_hour
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.triggers.trigger import load_all

_QUERIES = load(__package__, "figures.sql")


@dataclass(frozen=True)
class BatchFigures:
    """What one whole batch found, and how much of it a safeguard blocked."""

    id: int
    candidates: int
    blocked: int

    @property
    def blocked_share(self) -> float:
        """0 where there was nobody to block."""
        return self.blocked / self.candidates if self.candidates else 0.0


@dataclass(frozen=True)
class Figures:
    """How everything stood at `asked_at`, by the database's clock.

    `batches` are the newest first; `open_circuits` maps an endpoint to its reason. A job is silent since it last
    succeeded; where it never did, since there was something to do for it, None where there is not.
    """

    asked_at: datetime
    due: int = 0
    oldest_due_minutes: float = 0.0
    posted: int = 0
    failed: int = 0
    dead_in_a_day: int = 0
    unconfirmed: int = 0
    spent_today_usd: float = 0.0
    open_circuits: dict[str, str] = field(default_factory=dict)
    batches: tuple[BatchFigures, ...] = ()
    unsent: int = 0
    arrivals_per_hour: float = 0.0
    stopped: bool = False
    delivery_silent_minutes: float | None = None
    scheduling_silent_minutes: float | None = None
    never_delivered: bool = True
    never_scheduled: bool = True


def promised_triggers() -> list[str]:
    """Return the triggers of which a batch alone is no whole one."""
    return [trigger.name for trigger in load_all() if trigger.promised]


def read(conn: Connection) -> Figures:
    """Ask Postgres for all of them."""
    due, answers = _one(conn, "oldest_due"), _one(conn, "answers")
    promised = promised_triggers()
    batches = conn.execute(_QUERIES["batches"], {"promised": promised}).fetchall()
    silence = conn.execute(_QUERIES["silence"], {"promised": promised}).fetchone() or {}
    return Figures(
        asked_at=due["asked_at"],
        due=due["messages"],
        oldest_due_minutes=due["minutes"],
        posted=answers["posted"],
        failed=answers["failed"],
        dead_in_a_day=_one(conn, "dead_in_a_day")["messages"],
        unconfirmed=_one(conn, "unconfirmed")["messages"],
        spent_today_usd=_one(conn, "spent_today")["usd"],
        open_circuits={each["endpoint"]: each["reason"] for each in circuits(conn) if each["state"] != "closed"},
        batches=tuple(BatchFigures(row["id"], row["candidates"], row["blocked"]) for row in batches),
        unsent=_one(conn, "unsent")["messages"],
        arrivals_per_hour=arrivals_per_hour(conn),
        stopped=silence["stopped"],
        delivery_silent_minutes=_minutes(silence["delivery_minutes"]),
        scheduling_silent_minutes=_minutes(silence["scheduling_minutes"]),
        never_delivered=silence["never_delivered"],
        never_scheduled=silence["never_scheduled"],
    )


def _minutes(counted: Decimal | None) -> float | None:
    return None if counted is None else float(counted)


def _one(conn: Connection, name: str) -> dict[str, Any]:
    return conn.execute(_QUERIES[name]).fetchone() or {}
