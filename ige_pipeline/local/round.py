"""One round of both jobs through Dagster, in this process, so that it is among Dagster's runs and in its lineage."""

import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ige_pipeline.local.dagster_process import prepare_home
from ige_pipeline.postgres.connection import Connection, Database
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal

_QUERIES = load(__package__, "round.sql")
_LOOK_EVERY_S = 0.2
# What the console would tell of each step is in Dagster's own log, and the caller shows progress.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class DagsterRound:
    """The two jobs over the sandbox's environment, recorded in the Dagster instance that it names."""

    def __init__(self, surroundings: Mapping[str, str]) -> None:
        self._database = Database(surroundings["IGE_DATABASE_URL"])
        self._home = Path(surroundings["DAGSTER_HOME"])
        # Ops read the environment of their process, which is this one.
        os.environ.update(surroundings)

    def schedule(self) -> int:
        """Run one scheduling batch and return its id; Refusal with the run's sentence if it fails."""
        run_id = self._run("schedule_messages_job")
        with self._database.connect() as conn:
            return int(_one(conn, "batch_of_run", {"root_run_id": run_id}))

    def deliver(self, on_settled: Callable[[], None]) -> None:
        """Run one delivery run; `on_settled` is called for each message that ended somehow."""
        with self._watched(on_settled):
            self._run("deliver_messages_job")

    def _run(self, job: str) -> str:
        import dagster as dg  # noqa: PLC0415 - two seconds, in a module that is imported before anything is shown

        from ige_pipeline.definitions import build_definitions  # noqa: PLC0415 - as above

        prepare_home(self._home)
        with dg.DagsterInstance.from_config(str(self._home)) as instance, warnings.catch_warnings():
            # Dagster warns of a parameter of its own that it calls beta.
            warnings.simplefilter("ignore", dg.BetaWarning)
            definition = build_definitions().resolve_job_def(job)
            done = definition.execute_in_process(instance=instance, run_config=_QUIET, raise_on_error=False)
        if not done.success:
            raise Refusal(_sentence(done.all_events))
        return done.run_id

    @contextmanager
    def _watched(self, on_settled: Callable[[], None]) -> Iterator[None]:
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(on_settled, over), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def _watch(self, on_settled: Callable[[], None], over: threading.Event) -> None:
        with self._database.connect() as conn:
            told = _one(conn, "settled", {})
            while True:
                last_look = over.wait(_LOOK_EVERY_S)
                now = _one(conn, "settled", {})
                for _ in range(now - told):
                    on_settled()
                told = now
                if last_look:
                    return


def _one(conn: Connection, name: str, values: dict[str, Any]) -> int:
    row = conn.execute(_QUERIES[name], values).fetchone()
    return int(next(iter((row or {"none": 0}).values())))


def _sentence(events: Iterable[Any]) -> str:
    for event in events:
        failure = event.step_failure_data if event.is_step_failure else None
        if failure is not None and failure.user_failure_data is not None:
            return str(failure.user_failure_data.description)
    return "A run of the sandbox failed: Dagster shows which step, and why."
