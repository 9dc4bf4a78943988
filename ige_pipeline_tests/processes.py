"""Programs beside a test: a Redis, and whatever runs in a process of its own for the length of a block."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from ige_pipeline_tests.dagster_instances import ROOT

REDIS = shutil.which("redis-server") or ""
SECONDS = 60


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """Run a Redis of our own and give its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [REDIS, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with running(words, folder / "redis.log", os.environ):
        until_said("Ready to accept connections", folder / "redis.log")
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def running(words: list[str], log: Path, env: Mapping[str, str]) -> Iterator[None]:
    """Run a program for the length of the block."""
    with log.open("w") as told:
        process = subprocess.Popen(words, cwd=ROOT, env=dict(env), stdout=told, stderr=told)  # noqa: S603 - our words
    try:
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


def until_said(words: str, log: Path) -> None:
    """Wait until a program has said so."""
    deadline = time.monotonic() + SECONDS
    while words not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
