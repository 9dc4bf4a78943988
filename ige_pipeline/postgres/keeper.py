"""The keeper: a small process that starts one embedded Postgres, stays with it, and stops it when nobody calls.

`embedded.py` starts it as `python -m ige_pipeline.postgres.keeper`. It goes on in the background in a session of its
own, so the death of whoever needed the database neither takes the server down nor leaves it up for ever. While it
lives it holds a lock on `keeper.lock`, whose text is its process id: the kernel lets go of a lock however its holder
dies, so unlike a process id it cannot be stale. Lives on POSIX systems only (`fcntl`, sessions, signals).
"""

import argparse
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn

import psycopg

LOG_LIMIT_BYTES = 10_000_000
STOP_STEPS = ((signal.SIGINT, 5.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 2.0))
"""Postgres's fast and immediate shutdown, then the end, each with the seconds it gets."""

VISITS = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
       (SELECT sum(sessions) FROM pg_stat_database)
"""
"""Clients connected now, and sessions ever: the second also sees a client that came and went between two looks."""


class StopAskedError(Exception):
    """Somebody sent SIGTERM."""


def until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Look every 20 ms until the condition holds; False if it does not within the seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def try_lock(path: Path) -> IO[str] | None:
    """Take the lock on a file and return the open file, whose closing lets go; None if another process has it."""
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def postmaster(data: Path) -> int | None:
    """Return the process id of the server running on a data directory, or None."""
    pid = recorded(data)
    return pid if pid and serves(pid, data) else None


def recorded(data: Path) -> int | None:
    """Return the process id in `postmaster.pid`, which may have outlived its server."""
    with suppress(FileNotFoundError, ValueError, IndexError):
        return int((data / "postmaster.pid").read_text().splitlines()[0])
    return None


def serves(pid: int, data: Path) -> bool:
    """Whether a process is a server on a data directory: ids are used again, so its command line decides."""
    words = command_line(pid)
    return f"-D {data}" in words and "keeper" not in words


def command_line(pid: int) -> str:
    """Return the words a process was started with; empty for one that is gone or waits to be reaped."""
    if not Path("/proc/self/cmdline").exists():
        listing = ["ps", "-o", "command=", "-p", str(pid)]
        return subprocess.run(listing, capture_output=True, text=True, check=False).stdout  # noqa: S603 - a pid
    try:
        return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def shut_down(data: Path) -> None:
    """Stop the server on a data directory: fast, after 5 s immediate, after 8 s by force."""
    pid = postmaster(data)
    for sign, patience in STOP_STEPS:
        if pid is None or not serves(pid, data):
            return
        with suppress(ProcessLookupError):
            os.kill(pid, sign)
        until(partial(stopped, pid, data), seconds=patience)


def stopped(pid: int, data: Path) -> bool:
    """Whether the process is no longer a server on the data directory."""
    return not serves(pid, data)


def as_owner_of(path: Path) -> dict[str, Any]:
    """Return what `subprocess` needs to run as the owner of a path; nothing unless we are root."""
    if os.geteuid() != 0:
        return {}
    owner = path.stat()
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}


class Visitors:
    """Tells whether anybody used the server between two looks. Keeps one connection of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection | None = None
        self._sessions: int | None = None

    def came(self) -> bool:
        """Whether a client is there or was since the last look; a server that cannot say counts as visited."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
            clients, sessions = self._connection.execute(VISITS).fetchone() or (1, None)
        except psycopg.Error:
            self._connection = None
            return True
        before, self._sessions = self._sessions, sessions
        return bool(clients) or sessions != before


def shorten(log: Path) -> None:
    """Move a log over 10 MB to `.1`; the server goes on writing at the start, for it appends."""
    if log.stat().st_size > LOG_LIMIT_BYTES:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)


def watch(folder: Path, data: Path, visitors: Visitors, *, idle_stop: float | None) -> IO[str] | None:
    """Return when the server has gone, or with the folder's lock when it has been idle for `idle_stop` seconds.

    Under the lock nobody is just being given the address of a server that is about to stop.
    """
    pause = min(2.0, (idle_stop or 8.0) / 4)
    quiet_since = time.monotonic()
    while postmaster(data):
        time.sleep(pause)
        shorten(folder / "server.log")
        if idle_stop is None:
            continue
        if visitors.came():
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > idle_stop and (lock := try_lock(folder / "lock")):
            if not visitors.came():
                return lock
            lock.close()
    return None


def start(command: list[str], data: Path) -> subprocess.Popen[bytes]:
    """Start the server."""
    pid = recorded(data)
    # Postgres will not start while the recorded id belongs to any process of its user, and ids are used again.
    if pid and "postgres" not in command_line(pid):
        (data / "postmaster.pid").unlink()
    return subprocess.Popen(command, cwd=data, env={"LC_ALL": "C"}, **as_owner_of(data))  # noqa: S603 - our own words


def stop_asked(*_: object) -> NoReturn:
    """Leave whatever we are doing; a second signal changes nothing."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise StopAskedError


def keep(options: argparse.Namespace) -> None:
    """Start the server unless one is there to adopt, watch it, and stop it."""
    signal.signal(signal.SIGTERM, stop_asked)
    server = lock = None
    try:
        if not postmaster(options.data):
            server = start(options.command, options.data)
            until(lambda: bool(postmaster(options.data)) or server.poll() is not None, seconds=10)
        visitors = Visitors((options.folder / "url").read_text())
        lock = watch(options.folder, options.data, visitors, idle_stop=options.idle_stop)
    except StopAskedError:
        pass
    shut_down(options.data)
    if server:
        server.send_signal(signal.SIGINT)
        server.wait()
    if lock:
        lock.close()


def options_from(words: list[str]) -> argparse.Namespace:
    """Read the command line that `embedded.py` writes."""
    parser = argparse.ArgumentParser(prog="keeper", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--idle-stop", type=float, help="seconds without a client; without it, never")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(words)


def take(path: Path) -> IO[str] | None:
    """Take a lock within a second: somebody asking whether a keeper lives holds it for a moment."""
    for _ in range(50):
        if lock := try_lock(path):
            return lock
        time.sleep(0.02)
    return None


def main() -> None:
    """Take the keeper's lock, go into the background and keep; do nothing where a keeper lives already."""
    options = options_from(sys.argv[1:])
    lock = take(options.folder / "keeper.lock")
    if lock is None:
        return
    pid = os.fork()
    if pid:
        # Written before we leave: whoever waits for us may want to stop the keeper at once.
        lock.truncate(0)
        lock.write(str(pid))
        lock.flush()
        os._exit(0)
    keep(options)


if __name__ == "__main__":
    main()
