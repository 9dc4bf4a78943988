"""A provider that refuses a number at once, in the answer to our POST, and what is done for it."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.by_hand import deliver_once
from ige_pipeline.delivery.outcome import Dead, Outcome, Retry
from ige_pipeline.delivery.provider_said import refused_with
from ige_pipeline.delivery.reply import Answered, Lost, Reply
from ige_pipeline.delivery.settlement import Ended, Sent
from ige_pipeline.environment import Environment
from ige_pipeline_tests.dagster_instances import DELIVER, instance_at, run_job, surroundings
from ige_pipeline_tests.delivery.fakes import NOON, awake, make_lease
from ige_pipeline_tests.delivery.loopback import talking
from ige_pipeline_tests.delivery.outboxes import message
from ige_pipeline_tests.factories import make_contractor, one
from ige_pipeline_tests.inbound.letters import NUMBER, due_message

Conn = psycopg.Connection[DictRow]
OUTBOUND = Path(__file__).parents[2] / "deploy" / "n8n" / "sms-outbound.json"
AS_N8N_PASSES_IT_ON = {"status": "refused", "message_id": 1, "provider_status": 400, "provider_code": "21610"}
AS_TWILIO_SAYS_IT = {"code": 21610, "message": "Attempt to send to unsubscribed recipient", "status": 400}


def by_hand(_folder: Path) -> None:
    """As `ige run deliver` does."""
    deliver_once(Environment.of_process(), settings=Environment.of_process().settings({}))


def by_dagster(folder: Path) -> None:
    with instance_at(folder) as instance:
        assert run_job(DELIVER, instance).success


def refusing(said: dict[str, Any]) -> AbstractContextManager[tuple[str, list[bytes]]]:
    """A webhook that answers 400 with these words."""
    body = json.dumps(said)
    answer = f"HTTP/1.1 400 Bad Request\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n{body}".encode()
    return talking(lambda talk: talk.say(answer))


@pytest.fixture
def settled(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """What makes a webhook's address the one of this process's environment."""

    def point_to(url: str) -> None:
        for name, value in surroundings(database_url, url).items():
            monkeypatch.setenv(name, value)

    return point_to


@pytest.mark.parametrize("deliver", [by_hand, by_dagster])
@pytest.mark.parametrize(
    ("said", "code", "source"),
    [
        (AS_N8N_PASSES_IT_ON, "21610", "provider"),
        (AS_TWILIO_SAYS_IT, "21610", "provider"),
        ({"provider_code": "30006"}, "30006", "unreachable"),
    ],
)
def test_a_number_that_is_refused_in_the_answer_gets_nothing_more(  # noqa: PLR0917 - a table and its surroundings
    conn: Conn,
    tmp_path: Path,
    settled: Callable[[str], None],
    deliver: Callable[[Path], None],
    said: dict[str, Any],
    code: str,
    source: str,
) -> None:
    ada = make_contractor(conn, phone=NUMBER, timezone=awake())
    first = due_message(conn, ada, priority=99)

    with refusing(said) as (url, asked):
        settled(url)
        deliver(tmp_path)
        waits = due_message(conn, ada)
        deliver(tmp_path)

    row = message(conn, first)
    assert (row["dead_reason"], row["receipt_status"], row["receipt_code"]) == ("http_400", "failed", code)
    assert one(conn.execute("SELECT phone_e164, source FROM ige_suppressions")) == {
        "phone_e164": NUMBER,
        "source": source,
    }
    assert (len(asked), message(conn, waits)["cancel_reason"]) == (1, "suppressed")


def ended(outcome: Outcome, reply: Reply | None) -> Ended:
    return Ended(make_lease(), outcome, None if reply is None else Sent(NOON, 5, reply))


@pytest.mark.parametrize(
    ("outcome", "reply", "code"),
    [
        (Dead("http_400"), Answered(400, {}, '{"code": 21610}'), "21610"),
        (Dead("http_400"), Answered(400, {}, '{"provider_code": "", "code": "30006"}'), "30006"),
        (Dead("http_400"), Answered(400, {}, '{"code": null}'), ""),
        (Dead("http_400"), Answered(400, {}, '["21610"]'), ""),
        (Dead("http_400"), Answered(400, {}, "21610"), ""),
        (Dead("http_400"), Answered(400, {}, '{"code": 21610, "text": "cut of'), ""),
        (Dead("no_phone"), None, ""),
        (Dead("attempts_exhausted"), Lost("ReadTimeout"), ""),
        # Not for good: it is tried again.
        (Retry(NOON - NOON, "http_500"), Answered(500, {}, '{"code": 21610}'), ""),
    ],
)
def test_only_what_refuses_a_message_for_good_is_read(outcome: Outcome, reply: Reply | None, code: str) -> None:
    assert refused_with(ended(outcome, reply)) == code


def test_the_workflow_that_we_ship_passes_the_code_on() -> None:
    (refused,) = [each for each in json.loads(OUTBOUND.read_text())["nodes"] if each["name"] == "Refused"]

    assert (
        "provider_code: String($json.body?.provider_code ?? $json.body?.code" in refused["parameters"]["responseBody"]
    )
