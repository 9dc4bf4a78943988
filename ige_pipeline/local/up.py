"""`ige up`: Dagster with both schedules on, over one's own database and webhook, its state kept between starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values
from rich.console import Console

from ige_pipeline.environment import Environment
from ige_pipeline.local.child import stay
from ige_pipeline.local.dagster_process import start_dagster
from ige_pipeline.local.sandbox import held, ignore_signals, stopped_by_signals
from ige_pipeline.postgres import queries
from ige_pipeline.postgres.connection import Database, describe
from ige_pipeline.postgres.migrate import migrate
from ige_pipeline.refusal import Refusal

WEBHOOKS = ("N8N_OUTBOUND_WEBHOOK_URL", "N8N_WEBHOOK_URL")


@dataclass(frozen=True)
class Project:
    """A working folder and what its programs will see: its `.env`, which Dagster lets win, over the surroundings."""

    folder: Path
    surroundings: Mapping[str, str]

    @property
    def dotenv(self) -> Path:
        """The file that `dagster dev` reads by itself."""
        return self.folder / ".env"

    @property
    def seen(self) -> Environment:
        """What a run started by Dagster will see."""
        given = {name: value for name, value in dotenv_values(self.dotenv).items() if value is not None}
        return Environment(
            {"IGE_STATE": str(self.folder / ".ige"), **self.surroundings, "IGE_SCHEDULES": "on", **given}
        )

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME, by default a folder of the project's state; Refusal for a relative one, as Dagster's own."""
        home = Path(self.seen.get("DAGSTER_HOME") or self.seen.state_folder.absolute() / "dagster_home")
        if not home.is_absolute():
            raise Refusal(f"DAGSTER_HOME is {str(home)!r}: Dagster wants an absolute path.")
        return home


def run_up(folder: Path, *, environment: Mapping[str, str], console: Console) -> int:
    """Migrate, start Dagster and stay until Ctrl-C or SIGTERM; return 0.

    Raises Refusal if the database cannot be reached or migrated, if Dagster does not start or ends by itself, or if
    another `ige up` uses its home.
    """
    project = Project(folder.absolute(), environment)
    with held(project.dagster_home / "ige_up.lock", by="ige up"), stopped_by_signals():
        try:
            prepare(project, console)
            _serve(project, console)
        except KeyboardInterrupt:
            console.print("Stopped.")
    return 0


def _serve(project: Project, console: Console) -> None:
    home = project.dagster_home
    dagster, url = start_dagster(home, env=project.seen.values, cwd=project.folder, log=None)
    try:
        console.print(f"\n[bold]Dagster[/]  {url}\nIts state is kept in {home}. Ctrl-C stops it.\n")
        stay([dagster])
    finally:
        ignore_signals()
        dagster.end()


def prepare(project: Project, console: Console) -> None:
    """Bring the database to our schema, and say what is not as one would expect."""
    database = project.seen.database()
    migrate(database.url)
    console.print(f"[bold]Database[/] {describe(database.url)}, at the current schema")
    for word in [*_held(database), *_missing(project.seen)]:
        console.print(f"[yellow]![/] {word}")
    if write_dotenv(project):
        console.print(f"{project.dotenv} is written: a bare `dagster dev` in this folder now shows the same state.")


def _held(database: Database) -> list[str]:
    with database.connect() as conn:
        row = conn.execute(queries.load(__package__, "up.sql")["held_until_adopted"]).fetchone()
    if row is None:
        return []
    return [
        f"{row['held']} messages of an earlier system are held, and none of them is sent, until you run `ige adopt`."
    ]


def _missing(seen: Environment) -> list[str]:
    missing = []
    if not any(seen.get(name) for name in WEBHOOKS):
        missing.append(
            "No webhook is set: messages are scheduled, and delivery fails until N8N_OUTBOUND_WEBHOOK_URL is."
        )
    if not seen.schedules_on:
        missing.append("IGE_SCHEDULES in .env is not `on`: nothing runs by itself.")
    return missing


def write_dotenv(project: Project) -> bool:
    """Write what a bare `dagster dev` needs to find the same state, where there is no `.env`; return whether we did.

    No database and no webhook: `.env` wins over the environment, so a copy would silently outlive a change there.
    """
    try:
        with project.dotenv.open("x", encoding="utf-8") as file:
            file.write("# Written by `ige up`. Dagster lets this file win over the environment; git ignores it.\n")
            file.write(f"DAGSTER_HOME={project.dagster_home}\nIGE_STATE={project.seen.state_folder.absolute()}\n")
    except FileExistsError:
        return False
    return True
