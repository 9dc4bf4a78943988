"""`ige serve` as its supervisor sees it: an address, a refusal in one sentence, and an end when it is asked to end."""

import os
import signal
import socket
import subprocess
import sys
from urllib.request import urlopen

import pytest

from ige_pipeline.refusal import Refusal
from ige_pipeline.serve.run import listen
from ige_pipeline_tests.cli.terminal import Terminal

TOKEN = "a-token-that-nobody-guesses"


def test_it_listens_answers_and_ends_cleanly_when_it_is_told_to(database_url: str) -> None:
    env = os.environ | {"IGE_DATABASE_URL": database_url, "IGE_INBOUND_TOKEN": TOKEN}
    words = [sys.executable, "-m", "ige_pipeline.cli.main", "serve", "--port", "0"]
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as serving:  # noqa: S603 - our own words
        assert serving.stdout is not None
        address = serving.stdout.readline().split()[-1]
        with urlopen(f"{address}/healthz", timeout=10) as answer:  # noqa: S310 - our own, on loopback
            assert answer.status == 200

        serving.send_signal(signal.SIGTERM)
        _, errors = serving.communicate(timeout=20)

    assert (serving.returncode, errors) == (0, "")


def test_without_a_proof_of_who_sends_and_a_console_it_refuses(database_url: str) -> None:
    terminal = Terminal({"IGE_DATABASE_URL": database_url, "IGE_INBOUND_TOKEN": "", "IGE_CONSOLE_TOKENS": ""})

    sentence = terminal.refused("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - it must not get that far

    assert "IGE_INBOUND_TOKEN" in sentence


def test_an_address_that_somebody_has_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Refusal, match="choose another --port"):
        listen("127.0.0.1", taken.getsockname()[1])
