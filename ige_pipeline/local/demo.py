"""The sandbox, start to finish: what `make run` and `ige demo` do. Nothing in it can text anyone."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ige_pipeline.local import demo_tables, sample
from ige_pipeline.local.child import Child, end_all, free_port, start, stay, wait_until_up
from ige_pipeline.local.dagster_process import start_dagster
from ige_pipeline.local.receiver import WEBHOOK_PATH
from ige_pipeline.local.sandbox import (
    MESSAGES_PER_SECOND,
    Sandbox,
    forget_surroundings,
    held,
    ignore_signals,
    stopped_by_signals,
)
from ige_pipeline.postgres import embedded, queries
from ige_pipeline.postgres.connection import Connection, Database, describe
from ige_pipeline.postgres.migrate import migrate

RECEIVER_PORT = 5680
RECEIVER_READY_WITHIN_S = 30.0
CONSOLE_PORT = 8000
CONSOLE_READY_WITHIN_S = 60.0

INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended before it was done."""


class Pipeline(Protocol):
    """The two jobs' stages, run in this process against the sandbox."""

    def schedule(self) -> int:
        """Run one scheduling batch and return its id in `ige_batches`."""
        ...

    def deliver(self, on_settled: Callable[[], None]) -> None:
        """Run one delivery run; call `on_settled` each time one message has been settled, however."""
        ...


MakePipeline = Callable[[dict[str, str]], Pipeline]
"""Makes the pipeline from the sandbox's environment, which says where its database and its webhook are."""


@dataclass
class Demo:
    """One run of the sandbox: where it lives, whom it tells, what surrounds it, and the programs it has started."""

    sandbox: Sandbox
    console: Console
    surroundings: dict[str, str]
    children: list[Child] = field(default_factory=list)

    @contextmanager
    def step(self, doing: str) -> Iterator[list[str]]:
        """Show what is being done, and then what came of it: the words that the block appends."""
        began, told = time.monotonic(), list[str]()
        with self.console.status(f"{doing} …"):
            yield told
        self.console.print(f"[green]✓[/] {(told or [doing])[-1]} [dim]({time.monotonic() - began:.1f} s)[/]")

    def start_database(self) -> str:
        """Start the embedded Postgres, bring it to our schema, and return its URL."""
        with self.step("Starting a Postgres of the sandbox's own") as told:
            url = embedded.ensure_running(self.sandbox.postgres)
            told.append("A Postgres of the sandbox's own is up")
        with self.step("Migrating the database") as told:
            migrate(url)
            told.append("The database is at the current schema")
        return url

    def load_people(self, conn: Connection) -> None:
        """Load the sample, or where there is one already, somebody new who is due."""
        with self.step("Loading sample contractors") as told:
            if loaded := sample.load(conn):
                told.append(f"{loaded} sample contractors are loaded, in time zones around the world")
            else:
                told.append(f"The data are those of last time, and {sample.add_newly_due(conn)} newly due contractors")

    def start_receiver(self) -> str:
        """Start the receiver and return its address."""
        with self.step("Starting the sandbox receiver, a stand-in for n8n") as told:
            port = free_port(RECEIVER_PORT)
            words = ["-m", "ige_pipeline.local.receiver", "--port", str(port), "--state", str(self.sandbox.receiver)]
            log = self.sandbox.folder / "receiver.log"
            receiver = start(
                "The receiver", [sys.executable, *words], env=self.surroundings, cwd=self.sandbox.work, log=log
            )
            self.children.append(receiver)
            wait_until_up(receiver, port=port, path="/healthz", seconds=RECEIVER_READY_WITHIN_S)
            told.append("The sandbox receiver, a stand-in for n8n, is up")
        return f"http://127.0.0.1:{port}"

    def schedule(self, pipeline: Pipeline) -> int:
        """Run one scheduling batch and return its id."""
        with self.step("Deciding who should hear from the concierge, and writing to them") as told:
            batch_id = pipeline.schedule()
            told.append(f"One scheduling batch is done (batch {batch_id})")
        return batch_id

    def deliver(self, pipeline: Pipeline, *, due: int) -> None:
        """Run one delivery run with a bar that moves; the pace is the sandbox's."""
        columns = (TextColumn("  Delivering"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as progress:
            task = progress.add_task("Delivering", total=due)
            began = time.monotonic()
            pipeline.deliver(lambda: progress.advance(task))
        self.console.print(
            f"[green]✓[/] One delivery run is done, at {MESSAGES_PER_SECOND} messages a second "
            f"(only the demo is this fast; the default is one in 2 s) [dim]({time.monotonic() - began:.1f} s)[/]",
        )

    def start_console(self) -> tuple[str, str]:
        """Start `ige serve` and return the console's address, and a token to enter with."""
        with self.step("Starting the console") as told:
            port, token = free_port(CONSOLE_PORT), secrets.token_hex(12)
            serve = start(
                "The console",
                [sys.executable, "-m", "ige_pipeline.cli.main", "serve", "--port", str(port)],
                env=self.surroundings | {"IGE_CONSOLE_TOKENS": f"you:admin:{token}"},
                cwd=self.sandbox.work,
                log=self.sandbox.folder / "console.log",
            )
            self.children.append(serve)
            wait_until_up(serve, port=port, path="/healthz", seconds=CONSOLE_READY_WITHIN_S)
            told.append("The console is up")
        return f"http://127.0.0.1:{port}/console/", token

    def start_dagster(self) -> str:
        """Start `dagster dev` with both schedules on and return its URL."""
        with self.step("Starting Dagster with both schedules on (up to 20 s)") as told:
            dagster, url = start_dagster(
                self.sandbox.dagster_home,
                env=self.surroundings,
                cwd=self.sandbox.work,
                log=self.sandbox.folder / "dagster.log",
            )
            self.children.append(dagster)
            told.append("Dagster is up, with both schedules on")
        return url

    def stop(self) -> None:
        """End the programs, all at once, and then the database they used; no second Ctrl-C cuts this short."""
        ignore_signals()
        end_all(self.children)
        embedded.stop(self.sandbox.postgres)


def run_demo(
    folder: Path,
    make_pipeline: MakePipeline,
    *,
    environment: MutableMapping[str, str],
    console: Console,
    once: bool = False,
) -> int:
    """Run the sandbox in `folder` until Ctrl-C or SIGTERM, or until the tables are printed if `once`.

    Returns the exit code: with `once` 1 when nothing was delivered and 130 when interrupted, else 0. `environment` is
    this process's; what means us or leads elsewhere is removed from it. Whatever was started is gone within 10 s.
    Raises Refusal if another demo uses the folder, or if a part of the sandbox does not start.
    """
    forget_surroundings(environment)
    sandbox = Sandbox(folder.absolute())
    with held(sandbox.folder / "lock", by="make run"), stopped_by_signals(), ExitStack() as stack:
        sandbox.prepare()
        demo = Demo(sandbox, console, dict(environment))
        stack.callback(demo.stop)
        try:
            delivered = _play(demo, make_pipeline, once=once)
        except KeyboardInterrupt:
            console.print("Stopping …")
            return INTERRUPTED if once else 0
    return 0 if delivered or not once else 1


def _play(demo: Demo, make_pipeline: MakePipeline, *, once: bool) -> int:
    demo.console.print(
        "[bold]This is a sandbox:[/] a database and a receiver of its own, and no text leaves this machine."
    )
    database_url = demo.start_database()
    receiver_url = demo.start_receiver()
    demo.surroundings = demo.sandbox.environment(
        demo.surroundings,
        database_url=database_url,
        webhook_url=receiver_url + WEBHOOK_PATH,
    )
    delivered = _one_round(demo, Database(database_url), make_pipeline(demo.surroundings))
    if not once:
        console = demo.start_console()
        demo.surroundings["IGE_CONSOLE_URL"] = console[0]
        dagster_url = demo.start_dagster()
        demo.console.print(_addresses(dagster_url, receiver_url, database_url, console, folder=demo.sandbox.folder))
        stay(demo.children)
    return delivered


def _one_round(demo: Demo, database: Database, pipeline: Pipeline) -> int:
    """Load, decide, deliver and tell; return how many were delivered."""
    with database.connect() as conn:
        demo.load_people(conn)
        since: datetime = _value(conn, "database_now")
        batch_id = demo.schedule(pipeline)
        demo.deliver(pipeline, due=_value(conn, "due_now"))
        return demo_tables.show(demo.console, conn, batch_id=batch_id, since=since)


def _value(conn: Connection, name: str) -> Any:
    row = conn.execute(queries.load(__package__, "demo.sql")[name]).fetchone()
    return next(iter((row or {}).values()))


def _addresses(
    dagster_url: str, receiver_url: str, database_url: str, console: tuple[str, str], *, folder: Path
) -> str:
    return (
        f"\n[bold]Dagster[/]   {dagster_url}\n[bold]Console[/]   {console[0]}  (token: {console[1]})\n"
        f"[bold]Texts[/]     {receiver_url}/\n"
        f"[bold]Database[/]  {describe(database_url)}\n"
        f"[bold]Why[/]       IGE_DATABASE_URL= IGE_STATE={os.path.relpath(folder)} {_ige()} why NUMBER, "
        "for any #NUMBER above\n\n"
        "Scheduling runs each full hour and delivery every 5 minutes. Ctrl-C stops everything.\n"
    )


def _ige() -> str:
    """Name our command as it was typed: `make run` puts nothing on the PATH."""
    typed = Path(sys.argv[0])
    return str(typed) if typed.name == "ige" and not typed.is_absolute() else "ige"
