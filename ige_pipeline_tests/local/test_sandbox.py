"""The sandbox: nothing of the surroundings reaches it, and only one of it runs in a folder."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ige_pipeline.local.sandbox import Sandbox, forget_surroundings, held, stopped_by_signals
from ige_pipeline.refusal import Refusal

HOLDER = """
import sys, time
from pathlib import Path
from ige_pipeline.local.sandbox import held
with held(Path(sys.argv[1]), by="make run"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_what_means_us_or_leads_elsewhere_is_forgotten() -> None:
    environment = {
        "PATH": "/bin",
        "IGE_DATABASE_URL": "postgresql://production",
        "N8N_WEBHOOK_URL": "https://production.example",
        "OPENAI_API_KEY": "key",
        "DAGSTER_HOME": "/srv/dagster",
        "PGHOSTADDR": "10.0.0.1",
        "HTTPS_PROXY": "http://10.0.0.1",
        "http_proxy": "http://10.0.0.1",
    }

    forget_surroundings(environment)

    assert environment == {"PATH": "/bin"}


def test_our_programs_see_the_sandbox_and_nothing_else_of_ours(tmp_path: Path) -> None:
    surroundings = {"PATH": "/bin", "IGE_WEBHOOK_SECRET": "whsec_x", "N8N_WEBHOOK_URL": "https://production.example"}

    seen = Sandbox(tmp_path).environment(surroundings, database_url="postgresql://s", webhook_url="http://127.0.0.1/")

    assert seen == {
        "PATH": "/bin",
        "IGE_DATABASE_URL": "postgresql://s",
        "N8N_OUTBOUND_WEBHOOK_URL": "http://127.0.0.1/",
        "IGE_MESSAGES_PER_SECOND": "5",
        "IGE_SCHEDULES": "on",
        "IGE_SENDER_NAME": "Demo Concierge",
        "IGE_SETTINGS": str(tmp_path / "work" / "ige.toml"),
        "DAGSTER_HOME": str(tmp_path / "dagster_home"),
    }


def test_an_env_file_inside_of_the_sandbox_is_refused(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.prepare()
    (sandbox.work / ".env").write_text("N8N_OUTBOUND_WEBHOOK_URL=https://production.example")

    with pytest.raises(Refusal, match="would reach into the sandbox"):
        sandbox.prepare()


def test_a_second_one_is_refused_with_the_first_ones_process_id_until_that_dies(tmp_path: Path) -> None:
    lock = tmp_path / "sandbox" / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE) as holder:  # noqa: S603
        assert holder.stdout
        holder.stdout.readline()

        with pytest.raises(Refusal, match=rf"Another `make run` \(process {holder.pid}\)"), held(lock, by="make run"):
            pass

        holder.kill()
        holder.wait()
    with held(lock, by="make run"):
        assert lock.read_text() == str(os.getpid())


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_stops_us_and_a_second_one_does_not_disturb_the_stopping(sign: signal.Signals) -> None:
    stopped = []

    def work() -> None:
        try:
            os.kill(os.getpid(), sign)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), sign)
            stopped.append(sign)

    with pytest.raises(KeyboardInterrupt), stopped_by_signals():
        work()

    assert stopped == [sign]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
