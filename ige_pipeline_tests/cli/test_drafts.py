"""Review mode: a text waits for a person, who approves, edits or rejects it, or does not look in time."""

from datetime import timedelta
from typing import Any

import pytest

from ige_pipeline.safeguards.phonebook import read_numbers
from ige_pipeline_tests.cli.people import make_due_contractor
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.factories import Conn, ago, fetch, insert, make_batch, make_goal, make_item, one

NOTICE = " - Acme. Reply STOP to opt out"


@pytest.fixture
def terminal(database_url: str) -> Terminal:
    """A webhook on loopback, so that no consent is needed; nothing is posted to it."""
    env = {"IGE_DATABASE_URL": database_url, "N8N_OUTBOUND_WEBHOOK_URL": "http://127.0.0.1:1/x"}
    return Terminal(env | {"IGE_REVIEW_DRAFTS": "true"})


def drafted(conn: Conn, terminal: Terminal, **over: Any) -> tuple[int, int]:
    """Let a batch write to somebody; return who it is, and the draft that waits."""
    contractor = make_due_contractor(conn, **over)
    assert terminal.json("run", "schedule")["verdicts"].get("held") == 1
    return contractor, terminal.json("drafts", "list")[0]["draft"]


def messages(conn: Conn) -> list[Any]:
    return conn.execute("SELECT * FROM ai_proactive_messages ORDER BY id").fetchall()


def words(conn: Conn, decision: int) -> list[str]:
    return [reason["reason"] for reason in fetch(conn, "ige_decisions", decision)["reasons"]]


def test_a_draft_is_sent_only_after_somebody_approved_it(conn: Conn, terminal: Terminal) -> None:
    contractor, draft = drafted(conn, terminal)
    assert messages(conn) == []
    assert "1 wait for a person" in terminal.type("status").stdout
    text = terminal.json("drafts", "show", str(draft))["text"]

    assert terminal.type("drafts", "approve", str(draft), "--by", "Grace").stdout == f"Draft {draft} is scheduled.\n"

    (message,) = messages(conn)
    decision = fetch(conn, "ige_decisions", draft)
    audit = one(conn.execute("SELECT * FROM ige_audit"))
    assert (message["contractor_id"], message["message_content"]) == (contractor, text)
    assert text.endswith(NOTICE)
    assert (message["decision_id"], message["sent_at"]) == (draft, None)
    assert (decision["verdict"], decision["approved_by"], decision["reasons"]) == ("scheduled", "Grace", [])
    assert (audit["who"], audit["action"], audit["detail"]["decision"]) == ("Grace", "approve draft", draft)
    # What was replied to since the draft was written, and not only since the approval, cancels it.
    assert message["created_at"] < message["updated_at"]
    assert terminal.json("drafts", "list") == []
    assert terminal.refused("drafts", "show", str(draft)) == (
        f"Draft {draft} does not wait: it is scheduled (approved by Grace)."
    )


def test_the_audit_tells_that_a_text_was_edited_and_holds_none(conn: Conn, terminal: Terminal) -> None:
    _, draft = drafted(conn, terminal)
    text = terminal.json("drafts", "show", str(draft))["text"]

    assert terminal.type("drafts", "edit", str(draft), "--text", text.replace(".", "!", 1)).exit_code == 0

    (audit,) = conn.execute("SELECT action, detail FROM ige_audit").fetchall()
    assert (audit["action"], audit["detail"]["decision"]) == ("edit draft", draft)
    assert audit["detail"]["before"].startswith("sha256:")
    assert not [word for word in text.split() if len(word) > 3 and word in str(audit["detail"])]


def test_while_a_draft_waits_no_second_one_is_written(conn: Conn, terminal: Terminal) -> None:
    _, draft = drafted(conn, terminal)

    assert terminal.json("run", "schedule")["verdicts"] == {"blocked": 1}

    second = one(conn.execute("SELECT * FROM ige_decisions WHERE id > %s", [draft]))
    assert ([reason["reason"] for reason in second["reasons"]], second["draft"]) == (["draft_waiting"], None)
    assert second["retry_at"] == fetch(conn, "ige_decisions", draft)["retry_at"]
    assert [row["draft"] for row in terminal.json("drafts", "list")] == [draft]


def test_an_edited_text_is_checked_waits_on_and_is_what_is_sent(conn: Conn, terminal: Terminal) -> None:
    _, draft = drafted(conn, terminal)
    before = fetch(conn, "ige_decisions", draft)
    unfit = ("drafts", "edit", str(draft), "--text", "Dear customer, see www.example.com for 40 quotes.")

    refused = terminal.refused(*unfit)
    assert "a stock phrase (dear customer)" in refused
    assert "a link" in refused
    assert "40" not in refused
    assert fetch(conn, "ige_decisions", draft) == before

    better = "Hi Ada, did you reach the two suppliers? Tell me if not."
    assert terminal.type("drafts", "edit", str(draft), "--text", better).exit_code == 0
    # An editor shows the whole text: what is behind it is not put there a second time.
    assert terminal.type("drafts", "edit", str(draft), "--text", better + NOTICE).exit_code == 0

    after = fetch(conn, "ige_decisions", draft)
    assert (after["draft"], after["verdict"], after["decided_at"]) == (better + NOTICE, "held", before["decided_at"])
    assert after["draft_source"].startswith("edited:template:")
    assert messages(conn) == []
    assert terminal.type("drafts", "approve", str(draft)).exit_code == 0
    assert messages(conn)[0]["message_content"] == better + NOTICE


def test_a_rejected_draft_is_not_written_again_for_some_days(conn: Conn, terminal: Terminal) -> None:
    _, draft = drafted(conn, terminal)

    assert terminal.type("drafts", "reject", str(draft), "--reason", "wrong tone", "--by", "Grace").exit_code == 0

    assert fetch(conn, "ige_decisions", draft)["verdict"] == "rejected"
    assert words(conn, draft) == ["draft_rejected"]
    assert terminal.json("run", "schedule")["verdicts"] == {"blocked": 1}
    assert messages(conn) == []
    conn.execute("UPDATE ige_decisions SET decided_at = decided_at - interval '8 days' WHERE id = %s", [draft])
    assert terminal.json("run", "schedule")["verdicts"] == {"held": 1}


def test_after_a_rejected_draft_the_next_best_has_its_turn(conn: Conn, terminal: Terminal) -> None:
    contractor = make_due_contractor(conn)
    make_item(conn, make_goal(conn, contractor, priority_score=2), status="completed", completed_at=ago(hours=5))
    assert terminal.json("run", "schedule")["verdicts"] == {"held": 1, "outranked": 1}
    (first,) = terminal.json("drafts", "list")
    assert terminal.json("run", "schedule")["verdicts"] == {"blocked": 1, "outranked": 1}

    terminal.type("drafts", "reject", str(first["draft"]), "--reason", "wrong tone")

    assert terminal.json("run", "schedule")["verdicts"] == {"blocked": 1, "held": 1}
    (second,) = terminal.json("drafts", "list")
    assert (first["trigger_name"], second["trigger_name"]) == ("milestone_achieved", "high_priority_goal")
    assert words(conn, second["draft"]) == ["approval_wanted"]
    terminal.type("drafts", "reject", str(second["draft"]), "--reason", "wrong tone")
    assert terminal.json("run", "schedule")["verdicts"] == {"blocked": 2}


def test_a_draft_that_nobody_looked_at_in_time_expires(conn: Conn, terminal: Terminal) -> None:
    _, draft = drafted(conn, terminal)
    row = fetch(conn, "ige_decisions", draft)
    assert row["retry_at"] - row["decided_at"] == timedelta(hours=24)
    conn.execute("UPDATE ige_decisions SET retry_at = now() WHERE id = %s", [draft])

    done = terminal.type("drafts", "approve", str(draft))

    assert (done.exit_code, "it is expired" in done.stdout) == (1, True)
    assert terminal.json("drafts", "list") == []
    assert [row["counts"] for row in terminal.json("batches", "list")] == [{"expired": 1}]
    assert terminal.json("run", "schedule")["verdicts"] == {"held": 1}
    assert (fetch(conn, "ige_decisions", draft)["verdict"], words(conn, draft)) == ("expired", ["not_approved"])


def test_every_safeguard_is_asked_again_when_a_draft_is_approved(conn: Conn, terminal: Terminal) -> None:
    contractor, draft = drafted(conn, terminal)
    read_numbers(conn, [contractor], region="US")
    number = one(conn.execute("SELECT e164 FROM ige_phones"))["e164"]
    conn.execute("INSERT INTO ige_suppressions (phone_e164, reason, source) VALUES (%s, 'STOP', 'test')", [number])

    done = terminal.type("drafts", "approve", str(draft))

    assert (done.exit_code, done.stdout) == (1, f"Draft {draft} is blocked: they opted out.\n")
    assert (fetch(conn, "ige_decisions", draft)["verdict"], words(conn, draft)) == ("blocked", ["suppressed"])
    assert messages(conn) == []


def test_an_approved_draft_of_an_old_batch_is_not_stale(conn: Conn, terminal: Terminal) -> None:
    _, draft = drafted(conn, terminal)
    conn.execute("UPDATE ige_batches SET as_of = as_of - interval '3 days'")

    assert terminal.type("drafts", "approve", str(draft)).exit_code == 0

    assert messages(conn)[0]["expires_at"] > ago(hours=-23)


def test_a_promised_text_in_its_own_words_does_not_wait(conn: Conn, terminal: Terminal) -> None:
    contractor = make_due_contractor(conn)
    conn.execute("DELETE FROM ai_concierge_checklist_items")
    row = {
        "contractor_id": contractor,
        "scheduled_time": ago(minutes=5),
        "followup_type": "reminder",
        "message_template": "Hi {firstName}, here is the reminder that you asked for.",
        "status": "scheduled",
        "ai_should_personalize": False,
    }
    insert(conn, "contractor_followup_schedules", row)

    assert terminal.json("run", "schedule")["verdicts"] == {"scheduled": 1}


def test_a_dry_run_says_that_drafts_would_wait_and_leaves_none(conn: Conn, terminal: Terminal) -> None:
    make_due_contractor(conn)

    assert terminal.json("preview")["verdicts"] == {"held": 1}
    assert terminal.json("drafts", "list") == []
    assert terminal.refused("drafts", "reject", "999").startswith("There is no draft 999")


def test_a_batch_held_for_its_size_and_a_draft_held_for_review_do_not_release_each_other(
    conn: Conn, terminal: Terminal
) -> None:
    _, draft = drafted(conn, terminal)
    batch = fetch(conn, "ige_decisions", draft)["batch_id"]
    make_batch(conn)

    assert terminal.type("batches", "approve", str(batch), "--yes").stdout == f"Nothing is held in batch {batch}.\n"
    assert fetch(conn, "ige_decisions", draft)["verdict"] == "held"
