"""The guard: a small process that runs one command and ends it, with all that it started, when its starter is gone.

`child.py` starts it as `python -m ige_pipeline.local.guard COMMAND…` in a session of its own. Its standard input is a
pipe that nobody writes to: it ends when the starter closes it or dies, even of SIGKILL. Imports nothing of ours, and
little else, for it stays as long as the command does.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

STEPS = ((signal.SIGINT, 3.0), (signal.SIGTERM, 1.0), (signal.SIGKILL, 0.0))
"""What the group is sent, and how many seconds it has to go."""

LOOK_EVERY_S = 0.2


def main() -> int:
    """Run the command until it ends or nobody needs it; return its exit code."""
    asked: list[int] = []
    # Handlers, unlike an ignored signal, are not passed on: the command begins with its signals restored, even where a
    # script has put us into the background.
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda number, _: asked.append(number))
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)  # noqa: S603 - our starter's words
    while command.poll() is None and not asked and starter_lives():
        pass
    code = command.poll()
    end_group(command)
    return 0 if code is None else code


def starter_lives() -> bool:
    """Wait a moment on the pipe; whether its other end is still open."""
    readable, _, _ = select.select([sys.stdin.fileno()], [], [], LOOK_EVERY_S)
    return not (readable and os.read(sys.stdin.fileno(), 1) == b"")


def end_group(command: "subprocess.Popen[bytes]") -> None:
    """Ask, insist, and then end everything in our group, ourselves included if it comes to that."""
    for sign, patience in STEPS:
        command.poll()
        if not others():
            return
        os.killpg(0, sign)
        deadline = time.monotonic() + patience
        while others() and time.monotonic() < deadline:
            command.poll()
            time.sleep(0.05)


def others() -> list[int]:
    """Return the living processes of our group apart from us."""
    us = os.getpid()
    return [pid for pid in living(os.getpgrp()) if pid != us]


def living(group: int) -> list[int]:
    """Return the processes of a group that have not ended; one that waits to be collected has."""
    listed = from_proc() if Path("/proc/self/stat").exists() else from_ps()
    return [pid for pid, state, its_group in listed if its_group == group and state[0] not in "ZX"]


def from_proc() -> Iterator[tuple[int, str, int]]:
    """Read each process's id, state and group from Linux."""
    for entry in os.listdir("/proc"):  # noqa: PTH208 - every look at every process should be cheap
        if entry.isdecimal():
            with suppress(FileNotFoundError, ProcessLookupError):
                # The name may hold blanks and brackets; what follows the last bracket does not.
                state, _, group = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[:3]
                yield int(entry), state, int(group)


def from_ps() -> Iterator[tuple[int, str, int]]:
    """Read each process's id, state and group where there is no /proc, as on macOS."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,stat=,pgid="], capture_output=True, text=True, check=False)  # noqa: S607
    for pid, state, group in (line.split() for line in listing.stdout.splitlines()):
        yield int(pid), state, int(group)


if __name__ == "__main__":
    sys.exit(main())
