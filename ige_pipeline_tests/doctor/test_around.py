"""What runs beside us: clocks, Dagster's daemon, the model's key, and whoever is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from dagster import DagsterInstance
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat

from ige_pipeline.delivery.alert import raise_alert
from ige_pipeline.doctor.around import apart, clocks, daemon, model, told
from ige_pipeline.doctor.finding import Check, Finding, Surroundings
from ige_pipeline.environment import Environment
from ige_pipeline.postgres.connection import Connection
from ige_pipeline_tests.dagster_instances import instance_at
from ige_pipeline_tests.delivery.fakes import NOON
from ige_pipeline_tests.delivery.outboxes import waiting
from ige_pipeline_tests.factories import ago


def found(check: Check, url: str = "", **env: str) -> list[str]:
    look = Surroundings(Environment({"IGE_DATABASE_URL": url, **env}))
    with look.stack:
        return [finding.what for finding in check(look) if isinstance(finding, Finding)]


def test_clocks_that_agree_are_good_and_times_of_another_zone_are_found(conn: Connection, database_url: str) -> None:
    assert found(clocks, database_url) == []

    waiting(conn, created_at=ago(hours=-5))

    (what,) = found(clocks, database_url)
    assert what.startswith("The application wrote times up to 300 min ahead of now, read in ")


@pytest.mark.parametrize(("seconds", "agree"), [(0, True), (30, True), (-30, True), (31, False), (-31, False)])
def test_clocks_agree_to_half_a_minute(seconds: int, *, agree: bool) -> None:
    told = [finding.what for finding in apart(NOON + timedelta(seconds=seconds), NOON)]

    assert told == ([] if agree else ["This machine's clock and the database's differ by 31 s."])


def test_a_daemon_that_is_silent_and_schedules_that_are_off_are_found(tmp_path: Path) -> None:
    home = {"DAGSTER_HOME": str(tmp_path / "home")}
    assert found(daemon) == []
    assert "DAGSTER_HOME holds no dagster.yaml." in found(daemon, **home)
    with instance_at(tmp_path / "home") as instance:
        assert found(daemon, **home, IGE_SCHEDULES="on") == ["Dagster's daemon has never run."]
        needed = instance.get_required_daemon_types()
        assert {"SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR"} <= set(needed)
        for name in needed:
            beat(instance, name, hours=1 if name == "SENSOR" else 3)
        (all_silent,) = found(daemon, **home, IGE_SCHEDULES="on")
        assert all_silent.endswith(f"{ago(hours=1):%Y-%m-%d %H:%M} UTC.")
        for name in needed:
            beat(instance, name, hours=1 if name == "SCHEDULER" else 0)
        # One that hangs is not hidden by the others, which go on.
        (one_silent,) = found(daemon, **home, IGE_SCHEDULES="on")
        beat(instance, "SCHEDULER", hours=0)
        assert found(daemon, **home, IGE_SCHEDULES="on") == []
        assert all_silent.startswith("Dagster's daemon was last heard of at ")
        assert one_silent.startswith("Dagster's daemon (SCHEDULER) was last heard of at ")
        instance.add_instigator_state(switched_off("checks_sensor"))

        assert found(daemon, **home) == [
            "IGE_SCHEDULES is not on: nothing runs by itself.",
            "Switched off in Dagster: checks_sensor.",
        ]


def beat(instance: DagsterInstance, name: str, *, hours: int) -> None:
    instance.add_daemon_heartbeat(DaemonHeartbeat(ago(hours=hours).timestamp(), name, daemon_id="one", errors=[]))


@pytest.mark.parametrize(
    "config", ["storage: [", "storage:\n  postgres:\n    postgres_url: postgresql://u:pw@127.0.0.1:9/d\n"]
)
def test_a_dagster_whose_own_database_cannot_be_used_is_a_finding_without_its_password(
    tmp_path: Path, config: str
) -> None:
    (tmp_path / "dagster.yaml").write_text(config)

    (said,) = found(daemon, DAGSTER_HOME=str(tmp_path), IGE_SCHEDULES="on")

    assert said.startswith("Dagster's own database cannot be used (")
    assert "pw" not in said


def switched_off(name: str) -> InstigatorState:
    target = LoadableTargetOrigin(module_name="ige_pipeline.definitions")
    repository = RemoteRepositoryOrigin(InProcessCodeLocationOrigin(target), "__repository__")
    return InstigatorState(RemoteInstigatorOrigin(repository, name), InstigatorType.SENSOR, InstigatorStatus.STOPPED)


@pytest.mark.parametrize(
    ("status", "what"),
    [
        (200, []),
        (401, ["The model's server refuses OPENAI_API_KEY."]),
        (404, ["There is no model gpt-4o-mini for this key."]),
        (500, ["The model's server answered 500."]),
    ],
)
def test_the_models_key_is_tried_without_cost(status: int, what: list[str]) -> None:
    with answering(status) as url:
        assert found(model, OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=url) == what


def test_without_a_key_nobody_is_asked_and_a_server_that_is_gone_is_told() -> None:
    assert found(model) == []
    gone = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    assert found(model, **gone) == ["The model's server cannot be reached."]
    (what,) = found(model, IGE_REPLIES_READ_BY_MODEL="true")
    assert what == "No model reads replies: OPENAI_API_KEY is not set."


def test_failing_checks_and_alerts_that_could_not_be_told_are_found(conn: Connection, database_url: str) -> None:
    raise_alert(conn, kind="run_failed", about="deliver_messages_job", sentence="It failed.")
    conn.execute("UPDATE ige_alerts SET at = now() - interval '2 hours'")
    conn.execute("INSERT INTO ige_model_spend (day, batch_id, taken_usd) VALUES (now() AT TIME ZONE 'UTC', 1, 19)")

    assert len(found(told, database_url)) == 1
    dear, untold = found(told, database_url, IGE_ALERT_WEBHOOK_URL="http://127.0.0.1:9/")
    assert dear.startswith("19.00 of 20 USD a day are spent on the model")
    assert untold == "Alerts that could not be told for over an hour: 1."


@contextmanager
def answering(status: int) -> Iterator[str]:
    """A model's server that answers every question alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"id": "gpt-4o-mini", "object": "model", "created": 0, "owned_by": "openai"}'
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
