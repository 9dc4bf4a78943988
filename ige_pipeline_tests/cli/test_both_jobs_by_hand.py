"""A batch and a delivery by hand, over a real database and a real webhook, and what is told about them afterwards."""

from collections.abc import Iterator

import pytest

from ige_pipeline_tests.cli.people import make_asleep_zone, make_due_contractor
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.delivery.loopback import Receiver, receiving
from ige_pipeline_tests.factories import Conn, ago, make_contractor, make_message, make_sent_message, make_trust


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def terminal(database_url: str, webhook: Receiver) -> Terminal:
    return Terminal({"IGE_DATABASE_URL": database_url, "N8N_OUTBOUND_WEBHOOK_URL": webhook.url})


def test_who_is_due_is_written_to_once_and_why_says_so(conn: Conn, terminal: Terminal, webhook: Receiver) -> None:
    ada = make_due_contractor(conn)

    scheduled = terminal.type("run", "schedule")
    delivered = terminal.type("run", "deliver")
    again = (terminal.type("run", "schedule"), terminal.type("run", "deliver"))

    assert (scheduled.exit_code, delivered.exit_code) == (0, 0)
    assert "scheduled 1" in scheduled.stdout
    assert delivered.stdout.startswith("Outcomes: Delivered 1\nStill unsent: 0 (0 due now")
    assert [result.exit_code for result in again] == [0, 0]
    assert [body["contractor_id"] for _, body in webhook.posts] == [ada]
    why = terminal.type("why", str(ada))
    assert why.exit_code == 0
    for words in ("has priority 8 and an open checklist item", "was sent at", "attempt:  Delivered HTTP 200"):
        assert words in why.stdout


def test_what_was_done_is_told_as_json(conn: Conn, terminal: Terminal) -> None:
    ada = make_due_contractor(conn)

    batch = terminal.json("run", "schedule")
    delivery = terminal.json("run", "deliver")
    status = terminal.json("status")
    why = terminal.json("why", str(ada))

    assert (batch["verdicts"], batch["dry_run"]) == ({"scheduled": 1}, False)
    assert (delivery["posted"], delivery["outcomes"]["Delivered"], delivery["fault"]) == (1, 1, None)
    assert status["last_batch"]["id"] == batch["batch"]
    assert status["outcomes_24h"] == {"Delivered": 1}
    assert (why["decisions"][0]["state"], why["decisions"][0]["attempts"][0]["status_code"]) == ("sent", 200)
    assert terminal.json("batches", "list")[0]["id"] == batch["batch"]


def test_nobody_is_due_and_nothing_waits(terminal: Terminal, webhook: Receiver) -> None:
    results = [terminal.type("run", "schedule"), terminal.type("run", "deliver"), terminal.type("status")]

    assert [result.exit_code for result in results] == [0, 0, 0]
    assert results[0].stdout.endswith(": none\n")
    assert webhook.posts == []


def test_who_is_not_written_to_is_told_every_reason(conn: Conn, terminal: Terminal) -> None:
    earl = make_due_contractor(conn, ai_proactive_paused=True)
    make_trust(conn, earl, 12)

    terminal.type("run", "schedule")

    why = terminal.type("why", str(earl)).stdout
    assert "Not written to: " in why
    assert "messages are paused until no end" in why
    assert "trust is 12, and 20 is the least" in why


def test_somebody_asleep_is_written_to_and_waits(conn: Conn, terminal: Terminal, webhook: Receiver) -> None:
    ada = make_due_contractor(conn, timezone=make_asleep_zone())

    terminal.type("run", "schedule")
    delivered = terminal.type("run", "deliver")

    assert "Still unsent: 1 (0 due now, 1 waiting" in delivered.stdout
    assert webhook.posts == []
    assert "waits to be sent: it is outside of" in terminal.type("why", str(ada)).stdout


def test_a_preview_schedules_nothing(conn: Conn, terminal: Terminal) -> None:
    ada = make_due_contractor(conn)

    preview = terminal.type("preview")

    assert "(dry run): scheduled 1" in preview.stdout
    assert "Would have been written to (dry run)" in terminal.type("why", str(ada), "--previews").stdout
    assert terminal.json("status")["backlog"]["unsent"] == 0


def test_a_preview_with_a_setting_says_what_would_change(conn: Conn, terminal: Terminal) -> None:
    ada = make_due_contractor(conn)
    make_sent_message(conn, ada, sent_at=ago(hours=60), response_received_at=ago(hours=59))

    changed = terminal.type("preview", "--set", "min_gap_hours=72")

    assert changed.exit_code == 0
    assert "Judged differently: scheduled -> blocked 1\n" in changed.stdout
    assert f"contractor {ada}, high_priority_goal: scheduled -> blocked (the last one was 60.0 h ago" in changed.stdout


def test_comparing_settings_asks_no_model_and_judges_one_moment(
    conn: Conn, database_url: str, webhook: Receiver
) -> None:
    make_due_contractor(conn)
    paid = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": webhook.url, "IGE_OPENAI_MODEL": "gpt-4o-mini"}
    terminal = Terminal({"IGE_DATABASE_URL": database_url, "N8N_OUTBOUND_WEBHOOK_URL": webhook.url} | paid)

    changed = terminal.json("preview", "--set", "min_trust_score=60")

    assert webhook.posts == []
    assert (changed["kinds"], changed["changes"]) == ({"scheduled -> blocked": 1}, 1)
    assert changed["examples"][0]["reasons"][0]["reason"] == "low_trust"
    one, other = conn.execute("SELECT as_of, opened_at, closed_at IS NULL AS open FROM ige_batches").fetchall()
    assert one == other
    assert not one["open"]


def test_a_stop_holds_everything_until_the_start(conn: Conn, terminal: Terminal, webhook: Receiver) -> None:
    make_due_contractor(conn)
    stop = terminal.type("stop", "--reason", "the provider is down")

    terminal.type("run", "schedule")
    refusal = terminal.refused("run", "deliver")
    status = terminal.type("status")
    held = len(webhook.posts)
    start = terminal.type("start")

    assert (stop.exit_code, start.exit_code, held) == (0, 0, 0)
    assert refusal == "All sending is stopped (the provider is down): `ige start` lifts it."
    assert status.exit_code == 1
    assert "STOPPED (the provider is down)" in status.stdout
    assert terminal.type("run", "deliver").exit_code == 0
    assert len(webhook.posts) == 1
    assert [row["action"] for row in conn.execute("SELECT action FROM ige_audit ORDER BY id")] == ["stop", "start"]


def test_a_message_that_can_never_go_makes_the_delivery_exit_with_1(conn: Conn, terminal: Terminal) -> None:
    make_message(conn, make_contractor(conn, phone=None), created_at=ago(minutes=1))

    delivered = terminal.type("run", "deliver")

    assert delivered.exit_code == 1
    assert "Dead 1" in delivered.stdout


def test_a_webhook_that_is_wrong_is_told_as_such_and_nothing_is_lost(conn: Conn, terminal: Terminal) -> None:
    make_due_contractor(conn)
    terminal.type("run", "schedule")

    with receiving(lambda _body: 404) as wrong:
        result = Terminal(dict(terminal.env) | {"N8N_OUTBOUND_WEBHOOK_URL": wrong.url}).type("run", "deliver")

    assert result.exit_code == 2
    assert "answered http_404, so the endpoint is wrong and not the messages" in result.stderr
    left = terminal.json("status", exit_code=1)["backlog"]
    assert (left["unsent"], left["due"]) == (1, 1)


def test_a_past_hour_can_be_asked_about(conn: Conn, terminal: Terminal) -> None:
    ada = make_due_contractor(conn)
    terminal.type("run", "schedule")

    why = terminal.type("why", str(ada), "--at", "2025-01-01T10:00:00Z")

    assert "The ledger has no batch in the hour of 2025-01-01 10:00 UTC" in why.stdout
