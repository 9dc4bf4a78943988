"""The figures in Prometheus' text format, for a textfile collector and for `/metrics`; counts only, of nobody.

Checks have the names that they have everywhere. The format is that of
https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ige_pipeline.delivery import outbox
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings
from ige_pipeline.watch.figures import promised_triggers, read
from ige_pipeline.watch.judge import CHECKS, judge

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_QUERIES = load(__package__, "metrics.sql")


@dataclass(frozen=True)
class Gauge:
    """One figure, or one for each value of a label."""

    name: str
    about: str
    label: str | None
    values: Mapping[str, float]


def metrics(conn: Connection, settings: Settings) -> str:
    """Ask Postgres and return the whole text."""
    return written([*_checks(conn, settings), *_outbox(conn, settings), *_lately(conn)])


def _checks(conn: Connection, settings: Settings) -> Iterator[Gauge]:
    judged = judge(read(conn), settings)
    passed = {check.name: float(judged[check.name].passed) for check in CHECKS}
    limits = {name: each.limit for name, each in judged.items() if each.limit is not None}
    yield Gauge("ige_check_passed", "1 where the check passes, 0 where a person should look.", "check", passed)
    values = {name: each.value for name, each in judged.items()}
    yield Gauge("ige_check_value", "What the check looks at: minutes, a share, a count or USD.", "check", values)
    yield Gauge("ige_check_limit", "From where the check fails, if that is one figure.", "check", limits)


def _outbox(conn: Connection, settings: Settings) -> Iterator[Gauge]:
    now = outbox.standing(conn)
    left = outbox.backlog(conn, adopted=now.adopted)
    coming = outbox.forecast(conn, settings, unsent=left["unsent"])
    states = {name: left[name] for name in ("due", "waiting", "leased", "held_for_adoption")}
    yield _one("ige_sending_on", "1 unless somebody stopped all sending.", not now.stopped)
    yield _one("ige_outbox_unsent", "Messages that wait in the outbox.", left["unsent"])
    yield Gauge("ige_outbox_messages", "Messages in the outbox by what they wait for.", "state", states)
    yield _one(
        "ige_arrivals_per_hour",
        "Messages that came into the outbox in an hour of the last day.",
        coming.arrivals_per_hour,
    )
    yield _one("ige_pace_per_hour", "The most that can be posted in an hour.", coming.pace_per_hour)


def _lately(conn: Connection) -> Iterator[Gauge]:
    outcomes = {row["outcome"]: row["attempts"] for row in conn.execute(_QUERIES["outcomes"])}
    yield Gauge("ige_attempts_24h", "Attempts of the last 24 hours by their outcome.", "outcome", outcomes)
    alerts = conn.execute(_QUERIES["alerts"]).fetchone() or {}
    yield _one("ige_alerts_open", "Alerts whose cause is not gone.", alerts["open"])
    yield _one("ige_alerts_untold", "Open alerts of which there is news that nobody was told.", alerts["untold"])
    batch = conn.execute(_QUERIES["last_batch"], {"promised": promised_triggers()}).fetchone()
    if batch is not None:
        yield _one("ige_last_batch_timestamp_seconds", "When the newest whole batch came to its end.", batch["at"])
        about = "What became of the newest whole batch's candidates."
        yield Gauge("ige_last_batch_decisions", about, "verdict", batch["counts"])


def _one(name: str, about: str, value: float) -> Gauge:
    return Gauge(name, about, None, {"": value})


def written(gauges: Iterable[Gauge]) -> str:
    """Write them down; one without a value is left out."""
    lines: list[str] = []
    for gauge in gauges:
        if gauge.values:
            lines += [f"# HELP {gauge.name} {gauge.about}", f"# TYPE {gauge.name} gauge"]
        for value_of_label, value in gauge.values.items():
            label = f'{{{gauge.label}="{_escaped(value_of_label)}"}}' if gauge.label else ""
            lines.append(f"{gauge.name}{label} {float(value):.10g}")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
