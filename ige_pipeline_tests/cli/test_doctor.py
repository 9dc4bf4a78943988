"""`ige doctor` names what is wrong and what to do, and changes and sends nothing."""

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ige_pipeline.doctor.checks import variables
from ige_pipeline.doctor.finding import Surroundings
from ige_pipeline.environment import Environment
from ige_pipeline.ledger.home import settle_in
from ige_pipeline_tests.cli.people import make_awake_contractor
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.delivery.loopback import Receiver, receiving
from ige_pipeline_tests.delivery.outboxes import turn_switch
from ige_pipeline_tests.delivery.test_endpoint import CERTIFICATE
from ige_pipeline_tests.factories import Conn, ago, build_old_system, make_message, make_sent_message


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def terminal(conn: Conn, database_url: str, webhook: Receiver) -> Terminal:
    settle_in(conn, who="ige migrate")
    return Terminal({"IGE_DATABASE_URL": database_url, "N8N_OUTBOUND_WEBHOOK_URL": webhook.url})


def findings(terminal: Terminal, *, exit_code: int = 1, **env: str) -> dict[str, list[str]]:
    said = Terminal(dict(terminal.env) | env).json("doctor", exit_code=exit_code)
    return {each["check"]: [finding["what"] for finding in each["findings"]] for each in said if each["findings"]}


def test_where_all_is_well_it_says_so_and_nothing_is_posted(terminal: Terminal, webhook: Receiver) -> None:
    result = terminal.type("doctor")

    assert result.exit_code == 0
    said = dict(line.split(": ", 1) for line in result.stdout.splitlines())
    assert list(said) == [
        *("variables", "database", "clocks", "webhook", "model", "daemon"),
        *("sending", "senders", "consent", "outbox", "runs", "answers", "told"),
    ]
    assert {name: words.strip() for name, words in said.items() if words.strip() != "good"} == {
        "model": "not looked at: OPENAI_API_KEY is not set here: the built-in templates write.",
        "daemon": "not looked at: DAGSTER_HOME is not set here, so which Dagster runs our jobs is not known.",
    }
    assert webhook.posts == []


def test_what_was_not_looked_at_is_neither_good_nor_a_finding_for_programs_too(terminal: Terminal) -> None:
    said = {each["check"]: each for each in terminal.json("doctor")}

    assert said["daemon"]["findings"] == []
    assert said["daemon"]["not_looked_at"].startswith("DAGSTER_HOME is not set here")
    assert said["database"] == {"check": "database", "findings": [], "not_looked_at": None}


def test_what_is_in_the_way_of_a_check_does_not_let_it_say_that_all_is_well(terminal: Terminal) -> None:
    away = Terminal(dict(terminal.env) | {"IGE_DATABASE_URL": "postgresql://ige@127.0.0.1:1/ige"})

    said = {each["check"]: each["not_looked_at"] for each in away.json("doctor", exit_code=1)}

    assert said["database"] is None
    assert said["outbox"] == said["runs"] == "what was found above is in the way."


def sent_by_the_old_worker(conn: Conn) -> None:
    make_message(conn, make_awake_contractor(conn), sent_at=ago(minutes=5))


def tried_by_us_and_sent_by_the_old_worker(conn: Conn) -> None:
    make_message(conn, make_awake_contractor(conn), sent_at=ago(minutes=5), attempts=2)


def stopped(conn: Conn) -> None:
    turn_switch(conn, "stop", '{"on": true}', "wrong texts")


def not_adopted(conn: Conn) -> None:
    turn_switch(conn, "adoption", '{"state": "pending"}')


def stuck(conn: Conn) -> None:
    make_message(conn, make_awake_contractor(conn), created_at=ago(hours=2))


def dead(conn: Conn) -> None:
    make_message(conn, make_awake_contractor(conn), dead_at=ago(hours=2), dead_reason="http_400")


HARMS: list[tuple[Callable[[Conn], None], str, str]] = [
    (sent_by_the_old_worker, "senders", "Messages that became sent without us: 1, the last at"),
    (tried_by_us_and_sent_by_the_old_worker, "senders", "two systems send from one table"),
    (stopped, "sending", "All sending is stopped (wrong texts)."),
    (not_adopted, "sending", "Work of the old system is held."),
    (stuck, "outbox", "Messages that have been due for over an hour: 1."),
    (dead, "outbox", "Messages that died within a day: 1."),
]


def test_each_harm_has_its_finding_and_no_other(conn: Conn, terminal: Terminal) -> None:
    for harm, check, words in HARMS:
        harm(conn)

        found = findings(terminal)

        assert set(found) == {check}, harm.__name__
        assert words in found[check][0]
        mended(conn)


def mended(conn: Conn) -> None:
    conn.execute("TRUNCATE ai_proactive_messages")
    turn_switch(conn, "stop", '{"on": false}')
    turn_switch(conn, "adoption", '{"state": "done"}')


def test_a_job_that_fell_silent_is_a_finding_also_when_dagster_is_dead(
    conn: Conn, terminal: Terminal, webhook: Receiver
) -> None:
    terminal.type("run", "deliver")
    fine = findings(terminal, exit_code=0)
    conn.execute("UPDATE ige_last_success SET at = now() - interval '11 minutes'")

    assert (fine, webhook.posts) == ({}, [])
    (finding,) = findings(terminal)["runs"]
    assert finding.startswith("The last delivery run that succeeded was 11 min ago.")


def test_what_the_old_worker_sent_before_we_came_and_what_we_sent_is_no_finding(
    conn: Conn, terminal: Terminal, webhook: Receiver
) -> None:
    make_sent_message(conn, make_awake_contractor(conn), sent_at=ago(hours=3))
    make_message(conn, make_awake_contractor(conn))
    terminal.type("run", "deliver")

    assert len(webhook.posts) == 1
    assert findings(terminal, exit_code=0) == {}


def test_an_answer_that_blames_the_endpoint_is_a_finding_until_a_better_one(
    conn: Conn, terminal: Terminal, webhook: Receiver
) -> None:
    make_message(conn, make_awake_contractor(conn))
    webhook.answer = lambda _body: 404
    terminal.type("run", "deliver")

    assert "The webhook last answered http_404" in findings(terminal)["answers"][0]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "N8N_OUTBOUND_WEBHOOK_URL is not set"),
        ("http://127.0.0.1:1/s3cret", "127.0.0.1:1 does not accept connections (Connection refused)"),
        ("http://nowhere.invalid/s3cret", "(nowhere.invalid) does not resolve"),
        ("s3cret", "is not a web address"),
    ],
)
def test_a_webhook_that_cannot_be_reached(terminal: Terminal, url: str, words: str) -> None:
    (finding,) = findings(terminal, N8N_OUTBOUND_WEBHOOK_URL=url, IGE_CONSENT_BASIS="asked")["webhook"]

    assert words in finding
    assert "s3cret" not in finding


def test_a_webhook_whose_certificate_nobody_vouches_for(terminal: Terminal) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with receiving(context=context) as receiver:
        found = findings(terminal, N8N_OUTBOUND_WEBHOOK_URL=receiver.url.replace("http:", "https:"))

    assert "has a bad certificate" in found["webhook"][0]


def test_a_connection_is_all_that_the_webhook_sees(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        findings(terminal, exit_code=0, N8N_OUTBOUND_WEBHOOK_URL=f"http://127.0.0.1:{server.getsockname()[1]}/")
        peer, _ = server.accept()
        with peer:
            assert peer.recv(1) == b""


@pytest.mark.parametrize(
    ("env", "check", "words"),
    [
        ({"IGE_MIN_GAP_HUORS": "1"}, "variables", "perhaps IGE_MIN_GAP_HOURS was meant"),
        ({"IGE_SCHEDULES": "yes"}, "variables", "write on or off"),
        ({"N8N_WEBHOOK_URL": "http://127.0.0.1:1/other"}, "variables", "name different webhooks"),
        ({"IGE_DATABASE_URL": "postgresql://ige:s3cret@127.0.0.1:1/ige"}, "database", "cannot be reached"),
    ],
)
def test_what_is_wrong_with_a_variable_is_told_once(
    terminal: Terminal, env: dict[str, Any], check: str, words: str
) -> None:
    found = findings(terminal, **env)

    assert list(found) == [check]
    assert words in found[check][0]
    assert "s3cret" not in str(found)


def test_schedules_without_a_database_are_a_finding_before_anything_is_looked_at() -> None:
    look = Surroundings(Environment({"IGE_SCHEDULES": "on"}))

    assert [finding.todo for finding in variables(look)] == ["Set IGE_DATABASE_URL to the application's database."]


def test_a_database_that_was_never_migrated(terminal: Terminal, empty_database_url: str) -> None:
    build_old_system(empty_database_url)

    found = findings(terminal, IGE_DATABASE_URL=empty_database_url)

    assert found == {"database": ["The database has never been migrated: run `ige migrate`."]}


def test_where_nobody_wrote_down_a_consent_nobody_can_be_texted(conn: Conn, terminal: Terminal) -> None:
    away: dict[str, Any] = {"N8N_OUTBOUND_WEBHOOK_URL": "http://nowhere.invalid/"}
    before = findings(terminal, **away)
    conn.execute(
        "INSERT INTO ige_consents (phone_e164, basis, source, given_at) VALUES ('+12125550123', 'x', 'y', now())"
    )

    assert "Nobody may be texted" in before["consent"][0]
    assert "consent" not in findings(terminal, **away)
