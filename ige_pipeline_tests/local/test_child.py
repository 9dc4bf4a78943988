"""Programs that we start are gone when we end them, or when we are."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ige_pipeline.local import child
from ige_pipeline.local.child import Child
from ige_pipeline.refusal import Refusal

# Writes its own id and its child's, and neither leaves when asked.
STUBBORN = """
import os, signal, subprocess, sys, time
for sign in (signal.SIGINT, signal.SIGTERM):
    signal.signal(sign, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("pids.new", "w").write(f"{os.getpid()} {grandchild.pid}")
os.rename("pids.new", "pids")
time.sleep(600)
"""

# Leaves when asked to, if the signal reaches it.
WILLING = """
import os, time
open("pids.new", "w").write(str(os.getpid()))
os.rename("pids.new", "pids")
try:
    time.sleep(600)
except KeyboardInterrupt:
    open("left", "w").write("by itself")
"""

SERVING = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'{"ok": true}')
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

# Starts a program as we do and is then killed.
STARTER = """
import os, sys, time
from pathlib import Path
from ige_pipeline.local import child
folder = Path(sys.argv[1])
child.start("The program", [sys.executable, "-c", sys.argv[2]], env=dict(os.environ), cwd=folder, log=folder / "log")
time.sleep(600)
"""


def start(folder: Path, program: str, *words: str) -> Child:
    command = [sys.executable, "-c", program, *words]
    return child.start("The program", command, env=dict(os.environ), cwd=folder, log=folder / "log")


def pids(folder: Path) -> list[int]:
    for _ in range(200):
        if (folder / "pids").exists():
            return [int(word) for word in (folder / "pids").read_text().split()]
        time.sleep(0.05)
    pytest.fail("The program did not start")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def gone(these: list[int], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in these) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(alive(pid) for pid in these)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_program_and_a_grandchild_that_ignore_every_request_are_ended_in_time(tmp_path: Path) -> None:
    program = start(tmp_path, STUBBORN)
    started = pids(tmp_path)
    began = time.monotonic()

    program.end()

    assert not any(alive(pid) for pid in started)
    assert time.monotonic() - began < 10


def test_a_program_is_asked_before_it_is_made_to_leave(tmp_path: Path) -> None:
    program = start(tmp_path, WILLING)
    started = pids(tmp_path)

    program.end()

    assert gone(started, seconds=0)
    assert (tmp_path / "left").read_text() == "by itself"


def test_a_starter_in_the_background_of_a_script_passes_no_ignored_signal_on(tmp_path: Path) -> None:
    # As after `command &`, where the shell has SIGINT ignored.
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)" + STARTER
    starter = subprocess.Popen([sys.executable, "-c", ignoring, str(tmp_path), WILLING])  # noqa: S603 - our own words
    started = pids(tmp_path)

    starter.kill()
    starter.wait()

    assert gone(started, seconds=10)
    assert (tmp_path / "left").read_text() == "by itself"


def test_a_starter_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path), STUBBORN])  # noqa: S603 - our own words
    started = pids(tmp_path)

    starter.kill()
    starter.wait()

    assert gone(started, seconds=10)


def test_what_a_program_that_ends_leaves_behind_is_ended_too(tmp_path: Path) -> None:
    program = start(tmp_path, STUBBORN)
    leader, grandchild = pids(tmp_path)

    os.kill(leader, signal.SIGKILL)

    assert gone([grandchild], seconds=10)
    program.end()
    assert not program.running


def test_a_program_whose_guard_was_killed_is_ended_too(tmp_path: Path) -> None:
    program = start(tmp_path, STUBBORN)
    started = pids(tmp_path)
    os.kill(program.pid, signal.SIGKILL)

    program.end()

    assert gone(started, seconds=2)


def test_we_wait_until_a_program_answers(tmp_path: Path, port: int) -> None:
    program = start(tmp_path, SERVING, str(port))

    answer = child.wait_until_up(program, port=port, path="/", seconds=20)

    program.end()
    assert answer == {"ok": True}


def test_a_program_that_ends_while_starting_is_refused_with_the_place_of_its_output(tmp_path: Path, port: int) -> None:
    program = start(tmp_path, "print('broken')")

    with pytest.raises(Refusal, match=f"The program ended while starting: its output is in {tmp_path}"):
        child.wait_until_up(program, port=port, path="/", seconds=20)

    program.end()
    assert "broken" in (tmp_path / "log").read_text()


def test_a_program_that_never_answers_is_refused(tmp_path: Path, port: int) -> None:
    program = start(tmp_path, WILLING)

    with pytest.raises(Refusal, match="did not answer within 1 s"):
        child.wait_until_up(program, port=port, path="/", seconds=1)

    program.end()


def test_a_taken_port_is_passed_over(port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()

        assert child.free_port(port) > port
        with pytest.raises(Refusal, match="are taken"):
            child.free_port(port, among=1)
