"""Dagster's own settings: what holds on one machine, and the same in production on Postgres."""

from pathlib import Path
from typing import Any

import pytest
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster_shared.yaml_utils import load_yaml_from_path

from ige_pipeline.delivery.forecast import RUNS_AT_ONCE
from ige_pipeline.jobs import deliver_messages_job, schedule_messages_job
from ige_pipeline.postgres.dagster_storage import psycopg2_url
from ige_pipeline.refusal import Refusal
from ige_pipeline_tests.dagster_instances import ROOT, instance_at

LOCAL = ROOT / "dagster.yaml"


def read(path: Path) -> dict[str, Any]:
    loaded = load_yaml_from_path(str(path))
    assert isinstance(loaded, dict)
    return loaded


def test_a_bare_dagster_dev_the_sandbox_and_production_run_under_the_same_settings() -> None:
    production = read(ROOT / "deploy" / "dagster.yaml")

    assert read(ROOT / "ige_pipeline" / "local" / "dagster.yaml") == read(LOCAL)
    assert list(production.pop("storage")) == ["custom"]
    assert production.pop("run_launcher")["class"] == "DefaultRunLauncher"
    assert list(production.pop("python_logs")) == ["dagster_handler_config"]
    assert production == read(LOCAL)


def test_dagster_takes_every_setting(tmp_path: Path) -> None:
    with instance_at(tmp_path) as instance:
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_resume_run_attempts == 0
        assert instance.get_settings("run_monitoring")["max_runtime_seconds"] == 3600
        assert instance.get_settings("run_monitoring")["free_slots_after_run_end_seconds"] == 60
        assert instance.get_settings("retention").keys() == {"schedule", "sensor"}


def test_as_many_delivery_runs_at_once_as_are_reckoned_with_and_no_long_wait_in_the_queue(tmp_path: Path) -> None:
    with instance_at(tmp_path) as instance:
        coordinator = instance.run_coordinator
        assert isinstance(coordinator, QueuedRunCoordinator)
        queue = coordinator.get_run_queue_config()

        assert coordinator.dequeue_interval_seconds == 1
        assert queue.max_concurrent_runs == 4
        assert queue.tag_concurrency_limits == [
            {"key": "ige/job", "value": "deliver", "limit": RUNS_AT_ONCE},
            {"key": "ige/batch", "value": "whole", "limit": 1},
            {"key": "ige/batch", "value": "promised", "limit": 1},
        ]


def test_the_limit_names_the_tag_that_the_delivery_job_carries_and_no_run_outlives_the_monitor() -> None:
    longest = read(LOCAL)["run_monitoring"]["max_runtime_seconds"]

    assert deliver_messages_job.tags["ige/job"] == "deliver"
    assert schedule_messages_job.tags["ige/job"] == "schedule"
    assert schedule_messages_job.tags["ige/batch"] == "whole"
    for job in (deliver_messages_job, schedule_messages_job):
        assert int(job.tags["dagster/max_runtime"]) <= longest


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_any_spelling_of_a_postgres_url_means_psycopg2(scheme: str) -> None:
    assert psycopg2_url(f"{scheme}://u:p%40@host:5432/db?x=1") == "postgresql+psycopg2://u:p%40@host:5432/db?x=1"


@pytest.mark.parametrize("url", ["", "host:5432/db", "mysql://u:secret@host/db", "postgresqlx://host/db"])
def test_any_other_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(Refusal) as refused:
        psycopg2_url(url)

    assert str(refused.value).startswith("DAGSTER_POSTGRES_URL is not a Postgres URL: ")
    assert "secret" not in str(refused.value)
