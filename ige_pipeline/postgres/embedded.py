"""Our own Postgres for a laptop, a demo and the tests: started once, found again, stopped.

A folder holds one server: `cluster/data`, `url` (with the password, 0600), `server.log`, and two locks: `lock` is held
while somebody starts or stops, `keeper.lock` by the keeper (keeper.py), the process that stays with the server. Where
the server's programs come from and what happens as root is in programs.py. POSIX only.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from fcntl import LOCK_EX, flock
from pathlib import Path
from signal import SIGKILL, SIGTERM
from urllib.parse import urlsplit

import psycopg

from ige_pipeline.postgres.cluster import initialise, make_cluster, make_folder, told_by_log
from ige_pipeline.postgres.keeper import postmaster, shut_down, try_lock, until
from ige_pipeline.postgres.programs import reachable_programs, wheel_programs
from ige_pipeline.refusal import Refusal

SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=100",
    "shared_buffers=128MB",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_checkpoints=off",
    "log_line_prefix=%m [%p] %d ",
)
NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def ensure_running(
    folder: Path,
    *,
    idle_stop: timedelta | None = timedelta(minutes=10),
    durable: bool = True,
    settings: Sequence[str] = (),
    programs: Path | None = None,
) -> str:
    """Return the URL of the database `ige` on the folder's server, which is started unless it is up.

    The server stops once no client has been connected for `idle_stop` (None: never). The port stays the same as long
    as it is free. `durable=False` is for tests: a kill may then cost the last second, a crash of the machine
    everything. `settings` (`name=value`) go over ours; a server that is up keeps those it was started with.
    `programs` is a Postgres installation other than the wheel's, a folder with `bin` and `share`.

    Raises Refusal if there are no programs for this platform, the folder cannot be used, the data are of another major
    version of Postgres, or the server does not start.
    """
    folder = folder.absolute()
    with _explained(folder), _locked(folder):
        for pause in (0.1, 0.2, 0.4, 0.8):
            if _free(folder / "keeper.lock"):
                chosen = (*SETTINGS, *(() if durable else NOT_DURABLE), *settings)
                _start(folder, programs or wheel_programs(), chosen, idle_stop=idle_stop, durable=durable)
            if _answers(folder):
                return _url(folder).removesuffix("postgres") + "ige"
            # After a kill -9 the old server's children need a moment to see that it is gone.
            time.sleep(pause)
        raise told_by_log("The embedded Postgres does not start", folder)


def stop(folder: Path) -> None:
    """Stop the folder's server and wait until it and its keeper are gone; nothing happens if none is up.

    Clients are cut off. Takes well under a second, at most about 15 s. Raises Refusal if the folder cannot be used.
    """
    folder = folder.absolute()
    if not folder.is_dir():
        return
    with _explained(folder), _locked(folder):
        _end_keeper(folder / "keeper.lock")
        shut_down(_data(folder))


def discard(folder: Path) -> None:
    """Stop the folder's server and delete the folder and its data, wherever they lie."""
    stop(folder)
    shutil.rmtree((folder / "cluster").resolve(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def is_running(folder: Path) -> bool:
    """Whether a server is up on the folder, or a keeper is about to start or stop one."""
    with _explained(folder):
        return postmaster(_data(folder)) is not None or not _free(folder / "keeper.lock")


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn what the system refuses us into a sentence."""
    try:
        yield
    except OSError as error:
        place, why = error.filename or folder, error.strerror or error
        raise Refusal(
            f"The embedded Postgres cannot use {place} ({why}): choose another folder or set IGE_DATABASE_URL."
        ) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Be the only one who starts or stops the folder's server."""
    make_folder(folder)
    with (folder / "lock").open("a") as file:
        flock(file, LOCK_EX)
        yield


def _free(path: Path) -> bool:
    if not path.exists():
        return True
    lock = try_lock(path)
    if lock:
        lock.close()
    return lock is not None


def _data(folder: Path) -> Path:
    return (folder / "cluster").resolve() / "data"


def _url(folder: Path) -> str:
    return (folder / "url").read_text()


def _start(
    folder: Path, programs: Path, settings: Sequence[str], *, idle_stop: timedelta | None, durable: bool
) -> None:
    """Start a keeper, which starts the server or adopts one whose keeper died."""
    programs = reachable_programs(programs)
    data = make_cluster(folder) / "data"
    if not postmaster(data):
        password = _choose_url(folder)
        initialise(folder, programs=programs, password=password, durable=durable)
    words: list[str | Path] = ["--folder", folder, "--data", data]
    words += ["--idle-stop", str(idle_stop.total_seconds())] if idle_stop else []
    words += ["--", programs / "bin" / "postgres", "-D", data, "-p", str(urlsplit(_url(folder)).port)]
    words += [word for setting in settings for word in ("-c", setting)]
    _run_keeper(folder, words)


def _run_keeper(folder: Path, words: list[str | Path]) -> None:
    """Run a keeper until it has gone into the background."""
    with (folder / "server.log").open("a") as log:
        subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-m", "ige_pipeline.postgres.keeper", *words],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            check=False,
        )


def _choose_url(folder: Path) -> str:
    """Write the server's address, with last time's port if it is free, and return its password, which stays."""
    path, draft = folder / "url", folder / "url.new"
    if not path.exists() and _data(folder).exists():
        raise Refusal(f"{path}, the password of the data beside it, is gone: restore it or move the folder away.")
    before = urlsplit(path.read_text()) if path.exists() else None
    password = (before and before.password) or secrets.token_hex(16)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"postgresql://ige:{password}@127.0.0.1:{_free_port(before and before.port)}/postgres")
    draft.replace(path)
    return password


def _free_port(preferred: int | None) -> int:
    for port in (preferred or 0, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise Refusal("There is no free port on 127.0.0.1: end some programs or set IGE_DATABASE_URL.")


def _answers(folder: Path, *, seconds: float = 60) -> bool:
    """Wait until the database `ige` can be used, which is made if missing; False if the keeper has gone instead."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with psycopg.connect(_url(folder), autocommit=True, connect_timeout=5) as conn:
                if not conn.execute("SELECT FROM pg_database WHERE datname = 'ige'").rowcount:
                    conn.execute("CREATE DATABASE ige")
                return True
        except psycopg.OperationalError:
            if _free(folder / "keeper.lock"):
                return False
            time.sleep(0.02)
    raise told_by_log(f"The embedded Postgres does not answer within {seconds:.0f} s", folder)


def _end_keeper(path: Path) -> None:
    """Ask the keeper to stop its server; end a keeper that does not within 12 s."""
    for sign in (SIGTERM, SIGKILL):
        if _free(path):
            return
        with suppress(ProcessLookupError):
            os.kill(int(path.read_text()), sign)
        until(lambda: _free(path), seconds=12)
