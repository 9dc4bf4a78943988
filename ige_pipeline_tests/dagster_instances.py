"""Dagster instances, runs of both jobs, and everything that a run told Dagster."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from ige_pipeline.definitions import build_definitions
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import awake
from ige_pipeline_tests.factories import make_contractor, make_goal, make_item

ROOT = Path(__file__).parents[1]
KEY = "%Y-%m-%d-%H:00"
SCHEDULE, DELIVER = "schedule_messages_job", "deliver_messages_job"


@contextmanager
def instance_at(home: Path, config: Path = ROOT / "dagster.yaml") -> Iterator[dg.DagsterInstance]:
    """Open an instance whose state lies in `home`, with one of the project's own configurations."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_bytes(config.read_bytes())
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def job(name: str, **resources: Any) -> dg.JobDefinition:
    """Return one of the jobs over the production resources, some of them replaced."""
    return build_definitions(resources).resolve_job_def(name)


def run_job(
    name: str, instance: dg.DagsterInstance, *, partition: str | None = None, **request: Any
) -> dg.ExecuteInProcessResult:
    """Run a job to its end, whatever that is; `request` is the run config of the request."""
    config = {"resources": {"request": {"config": request}}} if request else None
    return job(name).execute_in_process(
        instance=instance, partition_key=partition, run_config=config, raise_on_error=False
    )


def failure(result: dg.ExecuteInProcessResult) -> str:
    """Return the sentence with which a run failed."""
    (failed,) = [event for event in result.all_node_events if event.is_step_failure]
    details = failed.step_failure_data.user_failure_data
    assert details is not None, failed.step_failure_data.error
    return details.description or ""


def materialized(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str | None], dict[str, Any]]:
    """Return {(asset, partition): metadata} of what a run materialised."""
    found = {}
    for event in result.all_events:
        if event.is_step_materialization:
            about = event.step_materialization_data.materialization
            values = {name: value.value for name, value in about.metadata.items()}
            found[about.asset_key.to_user_string(), about.partition] = values
    return found


def told(instance: dg.DagsterInstance, run_id: str) -> str:
    """Return everything that Dagster keeps of a run, as one text: events, metadata, log lines, errors, tags."""
    run = instance.get_run_by_id(run_id)
    return "\n".join([str(run), *(str(record) for record in instance.all_logs(run_id))])


def surroundings(database_url: str, webhook_url: str | None) -> dict[str, str]:
    """Return an environment for the production resources: nothing of the machine's own, and no pace worth the name."""
    ours = {f"IGE_{name.upper()}" for name in Settings.model_fields}
    others = {name: "" for name in os.environ if name.startswith(("IGE_", "N8N_", "OPENAI_"))}
    return others | dict.fromkeys(ours, "") | {
        "IGE_DATABASE_URL": database_url,
        "N8N_OUTBOUND_WEBHOOK_URL": webhook_url or "",
        "IGE_MESSAGES_PER_SECOND": "1000",
    }  # fmt: skip


def model_that_is_down_at_first() -> dg.JobDefinition:
    """The scheduling job with a model that cannot be reached while the file named by IGE_TEST_MODEL_DOWN exists."""
    return job(SCHEDULE, model=_model_unless_down)


def _model_unless_down(_settings: Settings) -> None:
    if Path(os.environ["IGE_TEST_MODEL_DOWN"]).exists():
        raise ConnectionError("the model cannot be reached")


def due_person(conn: Connection, **over: Any) -> int:
    """Somebody who is due a message about a goal that matters, and may have it now."""
    person = make_contractor(conn, timezone=awake(), **over)
    make_item(conn, make_goal(conn, person))
    return person


def this_hour(back: int = 0) -> str:
    """Return the partition of this hour, or of one so many hours back."""
    return (datetime.now(UTC) - timedelta(hours=back)).strftime(KEY)


def outbox(conn: Connection) -> list[dict[str, Any]]:
    """Return every message, in order."""
    return conn.execute("SELECT * FROM ai_proactive_messages ORDER BY id").fetchall()


def decisions_of(conn: Connection, run_id: str) -> list[dict[str, Any]]:
    """What a run decided, less its ids and times."""
    return conn.execute(
        "SELECT d.contractor_id, d.dedupe_key, d.facts, d.draft, d.verdict, d.not_before, d.recipient_known::text,"
        " (SELECT array_agg(each ->> 'reason') FROM jsonb_array_elements(d.reasons) AS each) AS reasons"
        " FROM ige_decisions d JOIN ige_batches b ON b.id = d.batch_id WHERE b.root_run_id = %s"
        " ORDER BY d.contractor_id, d.dedupe_key",
        [run_id],
    ).fetchall()
