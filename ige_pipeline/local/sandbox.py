"""The sandbox: a folder of its own, and an environment in which nothing of the surroundings can reach it."""

import fcntl
import os
import signal
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ige_pipeline.refusal import Refusal

MESSAGES_PER_SECOND = 5
"""The demo alone sends this fast; everything else sends 0.5 a second unless it is told otherwise."""

_KEPT_OUT = ("IGE_", "N8N_", "OPENAI_", "DAGSTER_", "PG")
_PROXIES = {"http_proxy", "https_proxy", "all_proxy"}
_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Sandbox:
    """A state folder and what lies where in it.

    `work` is the working folder of `dagster dev`, for from there, and from nowhere else, it reads `.env`.
    """

    folder: Path

    @property
    def postgres(self) -> Path:
        """The embedded server's folder."""
        return self.folder / "postgres"

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME."""
        return self.folder / "dagster_home"

    @property
    def work(self) -> Path:
        """The working folder of `dagster dev`."""
        return self.folder / "work"

    @property
    def receiver(self) -> Path:
        """The receiver's folder."""
        return self.folder / "receiver"

    @property
    def settings(self) -> Path:
        """The sandbox's own thresholds."""
        return self.work / "ige.toml"

    def prepare(self) -> None:
        """Make the folder, with this version's Dagster settings and room for thresholds of the sandbox's own."""
        self.work.mkdir(parents=True, exist_ok=True)
        (self.dagster_home / "dagster.yaml").unlink(missing_ok=True)
        if not self.settings.exists():
            self.settings.write_text("# Thresholds of the sandbox only.\n", encoding="utf-8")
        if (self.work / ".env").exists():
            raise Refusal(f"{self.work / '.env'} would reach into the sandbox: remove it.")

    def environment(self, surroundings: Mapping[str, str], *, database_url: str, webhook_url: str) -> dict[str, str]:
        """Return what our programs see: the surroundings less whatever means us, and the sandbox's own."""
        return {name: value for name, value in surroundings.items() if not is_kept_out(name)} | {
            "IGE_DATABASE_URL": database_url,
            "N8N_OUTBOUND_WEBHOOK_URL": webhook_url,
            "IGE_MESSAGES_PER_SECOND": str(MESSAGES_PER_SECOND),
            "IGE_SCHEDULES": "on",
            "IGE_SENDER_NAME": "Demo Concierge",
            "IGE_SETTINGS": str(self.settings),
            "DAGSTER_HOME": str(self.dagster_home),
        }


def is_kept_out(name: str) -> bool:
    """Whether a variable means us, the model, Dagster, libpq (PGHOSTADDR overrides a URL) or a proxy."""
    return name.startswith(_KEPT_OUT) or name.lower() in _PROXIES


def forget_surroundings(environment: MutableMapping[str, str]) -> None:
    """Remove from our own environment whatever might lead out of the sandbox."""
    for name in [name for name in environment if is_kept_out(name)]:
        del environment[name]


@contextmanager
def held(path: Path, *, by: str) -> Iterator[None]:
    """Hold a lock file that dies with us and names us; Refusal naming the process that holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = path.read_text(encoding="utf-8").strip()
            raise Refusal(
                f"Another `{by}` (process {pid}) is using {path.parent}: stop it first, with Ctrl-C or `kill {pid}`.",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal raise KeyboardInterrupt once; later ones do not disturb the end."""
    # Under nohup a closed terminal is to be ignored; an ignored SIGINT only means that a script has put us behind it.
    watched = [number for number in _STOP if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, _stop) for number in watched}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_signals() -> None:
    """Let nothing but SIGKILL disturb us from here on."""
    for number in _STOP:
        signal.signal(number, signal.SIG_IGN)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    ignore_signals()
    raise KeyboardInterrupt
