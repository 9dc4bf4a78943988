"""Whatever the endpoint does, the message is settled, the attempt is recorded, and the run ends in time."""

import multiprocessing
import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ige_pipeline.delivery.deliver import deliver
from ige_pipeline.delivery.endpoint import WebhookEndpoint
from ige_pipeline.delivery.target import Target
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.misbehaviour import BEGIN, CASES, END, PAGE, TRUSTED, Case, over_tls, table
from ige_pipeline_tests.delivery.outboxes import attempts, message, waiting

FAST = Settings(messages_per_second=1000, consent_basis="made up")


def test_what_is_recorded_of_each_misbehaviour_is_what_the_page_says(conn: Connection, database_url: str) -> None:
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    told, end, after = rest.partition(END)

    measured = table([recorded(conn, database_url, case) for case in CASES])

    if os.environ.get("IGE_TEST_WRITE_PAGES"):
        PAGE.write_text(f"{before}{begin}\n{measured}\n{end}{after}", encoding="utf-8")
    else:
        assert measured == told.strip(), "Look at what changed, then run this with IGE_TEST_WRITE_PAGES=1."


def recorded(conn: Connection, url: str, case: Case) -> tuple[str, ...]:
    """Deliver one message to that endpoint, and say what the tables know afterwards."""
    conn.execute("TRUNCATE ai_proactive_messages, ige_delivery_attempts")
    message_id = waiting(conn)
    with case.serve() as address:
        (deliver_trusting if case.trusted else deliver_to)(url, address)
    row = message(conn, message_id)
    (attempt,) = attempts(conn, message_id)
    assert len(attempt["response"] or "") <= 2048
    return (case.what, f"`{attempt['outcome']}`", what(attempt), "yes" if row["attempts"] else "no", then(row, attempt))


def deliver_to(url: str, address: str) -> None:
    with connect(url) as run:
        deliver(run, WebhookEndpoint(Target(address, timeout_s=0.6)), FAST, run_id="run")


def deliver_trusting(url: str, address: str) -> None:
    """Deliver in a process that trusts our certificates: whom to trust is read once, when the process starts."""
    with tempfile.NamedTemporaryFile() as trusted, pytest.MonkeyPatch.context() as patch:
        Path(trusted.name).write_bytes(b"".join(file.read_bytes() for file in sorted(TRUSTED.glob("*.pem"))))
        patch.setenv("SSL_CERT_FILE", trusted.name)
        process = multiprocessing.get_context("spawn").Process(target=deliver_to, args=(url, address))
        process.start()
        process.join(30)
        assert process.exitcode == 0


def test_a_certificate_that_holds_and_is_trusted_is_good_enough(conn: Connection, database_url: str) -> None:
    """Otherwise the refusals of those that expired, or are of another name, would show nothing."""
    good = Case("answers over TLS", over_tls(TRUSTED / "trusted.pem"), trusted=True)

    assert recorded(conn, database_url, good)[1:3] == ("`Delivered`", "status 200")


def what(attempt: dict[str, Any]) -> str:
    reason = (attempt["reasons"] or [{}])[0].get("reason", "")
    if attempt["status_code"] is not None:
        return f"status {attempt['status_code']}"
    if reason in {"dns_error", "tls_error"}:
        return f"`{reason}`"
    return "no answer" if attempt["posted_at"] else "no connection"


def then(row: dict[str, Any], attempt: dict[str, Any]) -> str:
    if row["sent_at"] is not None:
        return "sent"
    if row["dead_at"] is not None:
        return "dead"
    wait = attempt["next_attempt_at"] - attempt["ended_at"]
    if attempt["outcome"] == "EndpointFault":
        return "stays due; the circuit opens"
    words = next((f"again after {step} s" for step in STEPS if near(wait, step)), f"again after {wait}")
    return f"{words}, and nothing else before" if attempt["status_code"] == 429 else words


STEPS = (5, 30, 120)


def near(wait: timedelta, seconds: int) -> bool:
    """Whether a wait is the one of that step, within its jitter."""
    return abs(wait.total_seconds() - seconds) <= 0.2 * seconds
