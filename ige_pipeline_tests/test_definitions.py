"""What Dagster loads: names that dashboards, tags and habits hang on, and what loading costs."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest

from ige_pipeline.definitions import build_definitions, defs, of_surroundings
from ige_pipeline.executors import executor_of
from ige_pipeline.jobs import assets
from ige_pipeline.refusal import Refusal
from ige_pipeline.watch.judge import CHECKS
from ige_pipeline_tests.dagster_instances import ROOT, surroundings

BY_HOUR = ["trigger_decisions", "scheduled_messages", "delivered_messages"]
TABLES = [
    "ai_concierge_checklist_items",
    "ai_concierge_goals",
    "ai_trust_indicators",
    "contractor_action_items",
    "contractor_followup_schedules",
    "contractors",
    "event_messages",
]
LOOK = """
import json, sys
import ige_pipeline.definitions as loaded
repository = loaded.defs.get_repository_def()
late = ("pandas", "openai", "numpy", "phonenumbers", "starlette", "aiohttp", "opentelemetry", "alembic",
        "ige_pipeline.inbound.feeling", "ige_pipeline.inbound.opting_out", "ige_pipeline.generation.model")
heavy = [name for name in late if name in sys.modules]
print(json.dumps({"heavy": heavy, "on": sorted({s.default_status.value for s in repository.schedule_defs})}))
"""


def our_jobs(repository: dg.RepositoryDefinition) -> list[dg.JobDefinition]:
    """Return the jobs less the one that Dagster makes for assets that nobody can materialise."""
    return [job for job in repository.get_all_jobs() if not job.name.startswith("__")]


def test_everything_can_be_loaded() -> None:
    dg.Definitions.validate_loadable(defs)


def test_jobs_ops_schedules_and_sensors_keep_their_names() -> None:
    repository = defs.get_repository_def()

    ops = {job.name: [node.name for node in job.nodes_in_topological_order] for job in our_jobs(repository)}
    schedules = {
        schedule.name: (schedule.job_name, schedule.cron_schedule, schedule.execution_timezone)
        for schedule in repository.schedule_defs
    }
    assert ops == {
        "track_outcomes_job": ["track_outcomes", "read_replies"],
        "housekeep_job": ["tidy_ledger", "prune_dagster"],
        "deliver_messages_job": ["expire_stale", "deliver_messages", "report_backlog"],
        "schedule_messages_job": [
            "evaluate_triggers",
            "screen_recipients",
            "screen_recipients_shard",
            "generate_messages",
            "screen_content",
            "screen_content_shard",
            "schedule_messages",
        ],
    }
    assert schedules == {
        "schedule_messages_hourly": ("schedule_messages_job", "0 * * * *", "UTC"),
        "deliver_messages_every_5_minutes": ("deliver_messages_job", "*/5 * * * *", "UTC"),
        "track_outcomes_hourly": ("track_outcomes_job", "30 * * * *", "UTC"),
        "housekeep_daily": ("housekeep_job", "40 3 * * *", "UTC"),
    }
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "unsent_messages_sensor",
        "due_messages_sensor",
        "checks_sensor",
        "alert_on_failure",
    }


def test_lineage_leads_from_the_applications_tables_to_what_was_delivered() -> None:
    graph = defs.resolve_asset_graph()

    def parents(asset: str) -> list[str]:
        return sorted(key.to_user_string() for key in graph.get(dg.AssetKey(asset)).parent_keys)

    assert {asset: parents(asset) for asset in [*BY_HOUR, "outbox"]} == {
        "trigger_decisions": TABLES,
        "scheduled_messages": ["trigger_decisions"],
        "outbox": ["scheduled_messages"],
        "delivered_messages": ["outbox", "scheduled_messages"],
    }
    assert [parents(table) for table in TABLES] == [[]] * len(TABLES)


def test_every_asset_of_ours_says_whose_it_is_and_how_fresh_it_should_be() -> None:
    specs = {spec.key.to_user_string(): spec for spec in assets if isinstance(spec, dg.AssetSpec)}

    assert set(specs) == {*TABLES, *BY_HOUR, "outbox"}
    for name, spec in specs.items():
        assert spec.description, name
        assert all([spec.owners, spec.kinds, spec.tags, spec.group_name]), name
        assert (spec.freshness_policy is not None) is (name not in TABLES), name


def test_every_check_is_shown_on_the_asset_that_it_speaks_of() -> None:
    shown = {(key.asset_key.to_user_string(), key.name) for key in defs.resolve_asset_graph().asset_check_keys}

    assert shown == {(check.asset, check.name) for check in CHECKS}
    assert {asset for asset, _ in shown} <= {*BY_HOUR, "outbox"}


def test_every_hour_has_a_partition_of_which_the_current_one_is_the_last() -> None:
    graph = defs.resolve_asset_graph()

    for asset in BY_HOUR:
        hours = graph.get(dg.AssetKey(asset)).partitions_def
        assert isinstance(hours, dg.HourlyPartitionsDefinition)
        assert (hours.timezone, hours.end_offset) == ("UTC", 1)


@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
def test_the_executor_is_chosen_outside_of_the_jobs(executor: str) -> None:
    repository = build_definitions(executor=executor).get_repository_def()

    assert {job.executor_def.name for job in our_jobs(repository)} == {executor}


@pytest.mark.parametrize("executor", ["celery", "k8s"])
def test_an_executor_whose_package_is_missing_is_refused_in_a_sentence(executor: str) -> None:
    def not_installed(name: str) -> Any:
        raise ModuleNotFoundError(name)

    with pytest.raises(Refusal) as refused:
        executor_of(executor, importer=not_installed)

    assert str(refused.value) == (
        f"IGE_EXECUTOR is {executor}, which needs a package that is not installed: "
        f"pip install 'ige_pipeline[{executor}]'."
    )


@pytest.mark.parametrize("executor", ["celery", "k8s"])
def test_an_executor_of_many_machines_is_configured_as_its_package_demands(executor: str) -> None:
    pytest.importorskip(f"dagster_{executor}")

    made = executor_of(executor, celery_url="redis://localhost:6379/0")
    repository = build_definitions(executor=executor).get_repository_def()

    assert made.name == executor
    assert {job.executor_def.name for job in our_jobs(repository)} == {executor}


def test_the_broker_that_the_surroundings_name_is_the_one_that_celery_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    class Celery:
        @staticmethod
        def configured(config: dict[str, str], *, name: str) -> dg.ExecutorDefinition:
            told.append((name, config))
            return dg.in_process_executor

    monkeypatch.setitem(sys.modules, "dagster_celery", cast("Any", SimpleNamespace(celery_executor=Celery)))
    for name, value in {"IGE_EXECUTOR": "celery", "IGE_CELERY_URL": "redis://elsewhere:6379/3"}.items():
        monkeypatch.setenv(name, value)

    of_surroundings()

    assert told == [("celery", {"broker": "redis://elsewhere:6379/3", "backend": "redis://elsewhere:6379/3"})]


def test_loading_obeys_the_surroundings_opens_no_database_and_imports_nothing_heavy() -> None:
    """In a process of its own: ours has imported everything."""
    env = os.environ | surroundings("", None) | {"IGE_SCHEDULES": "on"}

    ran = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", LOOK], env=env, cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert json.loads(ran.stdout) == {"heavy": [], "on": ["RUNNING"]}
