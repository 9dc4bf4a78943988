"""Runs as the daemon starts them: through a code server, each a process of its own."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import dagster as dg
from dagster._core.test_utils import create_run_for_test
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget

LOCATION = "ige_pipeline"
PATIENCE_S = 180.0
T = TypeVar("T")


@contextmanager
def code_server(instance: dg.DagsterInstance) -> Iterator[WorkspaceProcessContext]:
    """Start a code server with this process's environment; it ends with the block."""
    target = ModuleTarget("ige_pipeline.definitions", attribute=None, working_directory=None, location_name=LOCATION)
    with WorkspaceProcessContext(instance, target) as opened:
        yield opened
    # Else it outlives what it asks, and the test after it is told of that.
    opened._grpc_server_registry.wait_for_processes()  # noqa: SLF001 - Dagster's own tests wait so


def launch(server: WorkspaceProcessContext, name: str, *, tags: dict[str, str] | None = None) -> str:
    """Let the instance's launcher start a run of a job, with the job's tags and these; return its id."""
    workspace = server.create_request_context()
    job = workspace.get_code_location(LOCATION).get_repository("__repository__").get_full_job(name)
    run = create_run_for_test(
        server.instance,
        job_name=name,
        remote_job_origin=job.get_remote_origin(),
        job_code_origin=job.get_python_origin(),
        tags=dict(job.tags) | (tags or {}),
    )
    server.instance.launch_run(run.run_id, workspace)
    return str(run.run_id)


def process_of(instance: dg.DagsterInstance, run_id: str) -> int:
    """Return the process that executes a run, once it says so."""

    def pid() -> int | None:
        events = (each.dagster_event for each in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT))
        said = [str(event.message) for event in events if event is not None]
        pids = [int(each.rpartition("pid: ")[2].rstrip(").")) for each in said if "steps in process" in each]
        return pids[0] if pids else None

    return until(pid)


def gone(pid: int) -> bool:
    """Tell whether a process has ended and was waited for."""
    return not Path(f"/proc/{pid}").exists()


def until(told: Callable[[], T | None]) -> T:
    """Ask until there is an answer."""
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        if answer := told():
            return answer
        time.sleep(0.05)
    raise TimeoutError(told)
