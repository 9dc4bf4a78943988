"""A program that we start beside us and never leave behind: it runs under a guard, in a process group of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NoReturn

from ige_pipeline.local.guard import living
from ige_pipeline.refusal import Refusal

PATIENCE_S = 7.0
"""Longer than the guard takes over its steps; then the group is ended by force."""

GOING_S = 2.0
"""How long a process that was sent SIGKILL may take to go."""


class Child:
    """A running program. `end` it; if we die without doing so, its guard does."""

    def __init__(self, name: str, guard: "subprocess.Popen[bytes]", *, log: Path | None) -> None:
        self.name = name
        self.log = log
        self._guard = guard

    @property
    def pid(self) -> int:
        """The guard's process id, which is also that of the group."""
        return self._guard.pid

    @property
    def running(self) -> bool:
        """Whether the program runs."""
        return self._guard.poll() is None

    def let_go(self) -> None:
        """Tell the guard to end the program, and do not wait."""
        if self._guard.stdin:
            self._guard.stdin.close()

    def end(self) -> None:
        """End the program and whatever it started; at most about 7 s."""
        self.let_go()
        try:
            self._guard.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._guard.kill()
        # A guard that was killed leaves its group behind, and as long as that exists nobody else gets its number.
        if self._guard.wait() < 0:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._see_them_go()

    def _see_them_go(self) -> None:
        # A process that was killed lives until the kernel comes to it, which on a busy machine takes a moment.
        deadline = time.monotonic() + GOING_S
        while living(self.pid) and time.monotonic() < deadline:
            time.sleep(0.02)

    def not_up(self, why: str) -> Refusal:
        """Say that the program does not run, and where it says more."""
        told = f"its output is in {self.log}" if self.log else "its output is above"
        return Refusal(f"{self.name} {why}: {told}.")


def start(name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path | None) -> Child:
    """Start a program with exactly this environment; its output goes to `log`, begun anew, or to ours."""
    output = log.open("wb") if log else None
    try:
        guard = subprocess.Popen(  # noqa: S603 - our own words
            [sys.executable, "-m", "ige_pipeline.local.guard", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    finally:
        if output:
            output.close()
    return Child(name, guard, log=log)


def end_all(children: Sequence[Child]) -> None:
    """End several programs at once, so that the slowest one sets the time."""
    for child in children:
        child.let_go()
    for child in children:
        child.end()


def stay(children: Sequence[Child]) -> NoReturn:
    """Stay until a signal raises KeyboardInterrupt; Refusal when one of the programs has ended by itself."""
    while True:
        for child in children:
            if not child.running:
                raise child.not_up("has ended")
        time.sleep(0.5)


def wait_until_up(child: Child, *, port: int, path: str, seconds: float) -> dict[str, Any]:
    """Wait until the program answers `path` on loopback with 200, and return the JSON; Refusal if it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not child.running:
            raise child.not_up("ended while starting")
        if (answer := _ask(port, path)) is not None:
            return answer
        time.sleep(0.1)
    raise child.not_up(f"did not answer within {seconds:.0f} s")


def free_port(preferred: int, *, among: int = 100) -> int:
    """Return the first free port of 127.0.0.1 from `preferred` on; Refusal if all of them are taken."""
    for port in range(preferred, preferred + among):
        with socket.socket() as probe, suppress(OSError):
            # As servers do: a port in TIME_WAIT is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise Refusal(f"All ports of 127.0.0.1 from {preferred} to {preferred + among - 1} are taken: end some programs.")


def _ask(port: int, path: str) -> dict[str, Any] | None:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return dict(json.loads(answer.read())) if answer.status == 200 else None  # noqa: PLR2004 - HTTP's OK
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
