"""`ige why`: one query answers it all, for ours and for what other programs sent."""

from datetime import UTC, datetime

import pytest
from psycopg.types.json import Jsonb

from ige_pipeline.ledger.batch import close_batch
from ige_pipeline.triggers.trigger import load_all
from ige_pipeline_tests.cli.people import make_awake_contractor, make_due_contractor
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.delivery.loopback import receiving
from ige_pipeline_tests.factories import (
    Conn,
    ago,
    make_batch,
    make_contractor,
    make_decision,
    make_message,
    one,
)


@pytest.fixture
def terminal(database_url: str) -> Terminal:
    return Terminal({"IGE_DATABASE_URL": database_url, "N8N_OUTBOUND_WEBHOOK_URL": "http://127.0.0.1:1/x"})


def test_a_message_is_told_from_the_row_that_fired_to_the_reply(
    conn: Conn, terminal: Terminal, database_url: str
) -> None:
    ada = make_due_contractor(conn)
    with receiving() as receiver:
        sending = Terminal({"IGE_DATABASE_URL": database_url, "N8N_OUTBOUND_WEBHOOK_URL": receiver.url})
        sending.type("run", "schedule")
        sending.type("run", "deliver")
    conn.execute("UPDATE ai_proactive_messages SET contractor_response = 'Great', response_received_at = NOW()")

    plain = terminal.type("why", str(ada)).stdout
    (whole,) = terminal.json("why", str(ada))["decisions"]

    for label in ("why due:", "known:", "person:", "checks:", "verdict:", "text:", "written:", "attempt:", "reply:"):
        assert f"\n  {label}" in plain
    assert "Great" in plain
    assert "item: Call the two suppliers" in plain
    assert (whole["contractor_response"], whole["subject_table"]) == ("Great", "ai_concierge_goals")
    assert whole["attempts"][0]["response"] is not None
    assert whole["recipient_facts"]["consent"] == "none"


def test_a_message_of_somebody_else_is_said_to_be_that(conn: Conn, terminal: Terminal) -> None:
    ada, john = make_contractor(conn, first_name="Ada", last_name="Lovelace"), make_contractor(conn)
    message, to_nobody = make_message(conn, ada), make_message(conn, None)

    assert terminal.refused("why", str(john), "--message", str(message)) == (
        f"Message {message} is to contractor {ada} (Ada Lovelace), not to contractor {john}: "
        f"`ige why {ada} --message {message}` explains it."
    )
    assert "is to nobody" in terminal.refused("why", str(john), "--message", str(to_nobody))
    assert terminal.refused("why", str(john), "--message", "999") == "There is no message 999."


def test_what_another_program_sent_is_told_though_nobody_decided_it(conn: Conn, terminal: Terminal) -> None:
    ada = make_contractor(conn)
    sent = make_message(conn, ada, sent_at=ago(days=3), created_at=ago(days=3))

    plain = terminal.type("why", str(ada), "--message", str(sent)).stdout

    assert "external  (no batch of ours)" in plain
    assert f"Message {sent} was sent at" in plain
    assert "by another program" in plain


def test_who_was_deleted_is_told_of_as_long_as_the_ledger_remembers_them(conn: Conn, terminal: Terminal) -> None:
    written, seen = 900_001, 900_002
    make_message(conn, written, sent_at=ago(days=3), created_at=ago(days=3))
    no = {"verdict": "blocked", "reasons": Jsonb([{"reason": "low_trust", "observed": 3, "limit": 20}])}
    make_decision(conn, make_batch(conn), seen, decided_at=ago(days=3), screened_at=ago(days=3), **no)

    for gone, told in ((written, "was sent at"), (seen, "verdict:")):
        plain = terminal.type("why", str(gone)).stdout
        assert plain.startswith(f"Contractor {gone} (no longer there)\n")
        assert told in plain
        assert "Now:" not in plain
    assert terminal.json("why", str(seen))["contractor"]["gone"] is True
    assert terminal.refused("why", "900003") == "There is no contractor 900003."


def test_what_comes_nearest_now_is_not_told_of_a_past_hour(conn: Conn, terminal: Terminal) -> None:
    ada = make_awake_contractor(conn)

    assert "nearest" in terminal.json("why", str(ada))
    assert "nearest" not in terminal.json("why", str(ada), "--at", "2025-01-01T10:00:00Z")


def test_previews_do_not_push_out_what_really_happened(conn: Conn, terminal: Terminal) -> None:
    ada = make_awake_contractor(conn)
    terminal.type("run", "schedule")
    make_message(conn, ada, sent_at=ago(days=3), created_at=ago(days=3))
    conn.execute(
        "INSERT INTO ige_decisions (decided_on, contractor_id, trigger_name, message_type, priority, dedupe_key,"
        " reason, verdict, decided_at, dry_run)"
        " SELECT current_date, %s, 'stalled_goal', 'check_in', 1, 'k' || n, 'It was quiet.', 'scheduled', now(), true"
        " FROM generate_series(1, 12) AS n",
        [ada],
    )

    plain = terminal.type("why", str(ada)).stdout
    asked = terminal.type("why", str(ada), "--previews").stdout

    assert "Left out: 12 decisions of previews and dry runs; --previews shows them." in plain
    assert "was sent at" in plain
    assert "PREVIEW" not in plain
    assert asked.count("PREVIEW, nothing was sent") == 10
    assert terminal.json("why", str(ada))["previews_left_out"] == 12


def test_the_view_finds_a_contractor_s_story_by_indexes_alone(conn: Conn) -> None:
    conn.execute("SET enable_seqscan = off")

    plan = conn.execute("EXPLAIN SELECT * FROM ige_why WHERE contractor_id = 7").fetchall()

    text = "\n".join(line for row in plan for line in row.values())
    assert "Seq Scan" not in text
    assert "ige_unexplained_by_contractor" in text
    assert one(conn.execute("SELECT count(*) AS n FROM ige_why WHERE contractor_id = 7"))["n"] == 0


HOUR = "in the hour of 2025-01-01 10:20 UTC"
EVERY = [trigger.name for trigger in load_all()]
PROMISED = [trigger.name for trigger in load_all() if trigger.promised]


@pytest.mark.parametrize(
    ("triggers", "over", "closed", "told"),
    [
        (EVERY, {}, True, "No trigger selected them in the hour"),
        (
            PROMISED,
            {},
            True,
            f"Only some triggers were asked {HOUR} ({', '.join(PROMISED)})",
        ),
        (EVERY, {}, False, f"A batch {HOUR} has not run to its end"),
        (EVERY, {"dry_run": True}, True, "The ledger has no batch in the hour"),
    ],
    ids=["all", "promised alone", "failed", "preview"],
)
def test_silence_is_told_only_of_triggers_that_were_asked(
    conn: Conn, terminal: Terminal, triggers: list[str], over: dict[str, bool], told: str, *, closed: bool
) -> None:
    ada = make_contractor(conn)
    batch = make_batch(conn, as_of=datetime(2025, 1, 1, 10, tzinfo=UTC), triggers=triggers, **over)
    if closed:
        close_batch(conn, batch)

    plain = terminal.type("why", str(ada), "--at", "2025-01-01T10:20Z").stdout

    assert told in plain


def test_silence_is_not_told_of_a_day_whose_decisions_were_dropped(conn: Conn, terminal: Terminal) -> None:
    ada = make_contractor(conn)
    close_batch(conn, make_batch(conn, as_of=datetime(2025, 1, 1, 10, tzinfo=UTC), triggers=EVERY))
    conn.execute("UPDATE ige_batches SET opened_at = as_of")

    plain = terminal.type("why", str(ada), "--at", "2025-01-01T10:20Z").stdout

    assert "are no longer kept (`keep_decisions_days`)" in plain
    assert "No trigger selected" not in plain


def test_neither_a_preview_nor_a_failed_batch_is_the_last_that_looked(conn: Conn, terminal: Terminal) -> None:
    ada = make_contractor(conn)
    close_batch(conn, make_batch(conn, triggers=EVERY, dry_run=True))
    close_batch(conn, make_batch(conn, triggers=PROMISED))
    make_batch(conn, triggers=EVERY)

    assert "No batch has run to its end yet." in terminal.type("why", str(ada)).stdout


def test_a_local_number_is_written_to_with_a_note_and_strictly_not_at_all(conn: Conn, terminal: Terminal) -> None:
    ada = make_due_contractor(conn, phone="555-0123")

    strict = terminal.json("run", "schedule", "--set", "phone_check=strict")["verdicts"]
    lenient = terminal.json("run", "schedule")["verdicts"]

    assert (strict, lenient) == ({"blocked": 1}, {"scheduled": 1})
    assert "\n  note:     the number has no area code" in terminal.type("why", str(ada)).stdout
