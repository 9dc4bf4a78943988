"""A delivery run that hangs is ended by Dagster's monitoring, and what it held is there for the next one."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration

from ige_pipeline.postgres.connection import Connection
from ige_pipeline_tests.dagster_instances import DELIVER, instance_at, outbox, run_job
from ige_pipeline_tests.delivery.loopback import Receiver, receiving
from ige_pipeline_tests.delivery.outboxes import waiting
from ige_pipeline_tests.launched import code_server, gone, launch, process_of, until

AT_ONCE = """
telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
run_monitoring: {enabled: true, cancel_timeout_seconds: 1}
"""
SECONDS = {"dagster/max_runtime": "1"}


@pytest.fixture
def answered() -> Iterator[threading.Event]:
    """Until it is set, the webhook answers nobody."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def receiver(answered: threading.Event) -> Iterator[Receiver]:
    with receiving(lambda _body: 200 if answered.wait(60) else 500) as opened:
        yield opened


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkspaceProcessContext]:
    # One POST at a time: what is behind it is claimed by nobody.
    for name, value in {"DELIVERY_CONCURRENCY": "1", "POST_TIMEOUT_SECONDS": "5", "LEASE_SECONDS": "60"}.items():
        monkeypatch.setenv(f"IGE_{name}", value)
    (tmp_path / "dagster.yaml").write_text(AT_ONCE)
    with instance_at(tmp_path / "home", tmp_path / "dagster.yaml") as instance, code_server(instance) as opened:
        yield opened


def monitored(server: WorkspaceProcessContext, run_id: str) -> dg.DagsterRun | None:
    """Do what the daemon does every two minutes, and return the run once it has ended."""
    errors = [each for each in execute_run_monitoring_iteration(server, logging.getLogger("monitoring")) if each]
    assert errors == []
    run = server.instance.get_run_by_id(run_id)
    return run if run is not None and run.is_finished else None


def mark_as_failed(instance: dg.DagsterInstance, run_id: str) -> None:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    instance.report_run_failed(run)


def state(conn: Connection) -> list[dict[str, Any]]:
    names = ("attempts", "lease_token", "sent_at")
    return [{name: row[name] for name in names} for row in outbox(conn)]


def untouched(attempts: int = 0) -> dict[str, Any]:
    return {"attempts": attempts, "lease_token": None, "sent_at": None}


def test_a_run_whose_post_hangs_is_ended_and_its_messages_are_due(
    conn: Connection, server: WorkspaceProcessContext, receiver: Receiver, answered: threading.Event
) -> None:
    for _ in range(3):
        waiting(conn)
    run_id = launch(server, DELIVER, tags=SECONDS)
    pid = process_of(server.instance, run_id)
    until(lambda: receiver.posts)

    run = until(lambda: monitored(server, run_id))

    assert run.status == dg.DagsterRunStatus.FAILURE
    until(lambda: gone(pid))
    # What had left spent its attempt, for it may have arrived; the others are as they were.
    assert state(conn) == [untouched(attempts=1), untouched(), untouched()]
    assert len(receiver.posts) == 1
    answered.set()
    conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = NULL")
    assert run_job(DELIVER, server.instance).success
    assert sorted(receiver.times.values()) == [1, 1, 2]
    assert {len(keys) for keys in receiver.keys.values()} == {1}


def test_a_run_that_does_not_hear_the_interrupt_harms_nobody(
    conn: Connection, server: WorkspaceProcessContext, receiver: Receiver, answered: threading.Event
) -> None:
    """Monitoring asks for a minute and then marks it as failed: the next starts while its process holds a lease."""
    for _ in range(3):
        waiting(conn)
    run_id = launch(server, DELIVER)
    pid = process_of(server.instance, run_id)
    until(lambda: receiver.posts)
    os.kill(pid, signal.SIGSTOP)
    try:
        mark_as_failed(server.instance, run_id)
        answered.set()

        beside = run_job(DELIVER, server.instance)
        held = state(conn)
        conn.execute("UPDATE ai_proactive_messages SET lease_expires_at = now() WHERE lease_token IS NOT NULL")
        after = run_job(DELIVER, server.instance)
        sent = state(conn)
        assert not gone(pid)
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: gone(pid))

    assert (beside.success, after.success) == (True, True)
    # Those that it does not hold left at once; the one that it holds once its lease was over, under the same key.
    assert [row["sent_at"] is not None for row in held] == [False, True, True]
    assert [(row["sent_at"] is not None, row["attempts"]) for row in sent] == [(True, 2), (True, 1), (True, 1)]
    assert sorted(receiver.times.values()) == [1, 1, 2]
    assert {len(keys) for keys in receiver.keys.values()} == {1}
    # Awake again, it wrote nothing over what the others wrote.
    assert state(conn) == sent
