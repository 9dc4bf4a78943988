"""What came back, and opting somebody out and in by hand."""

from typing import Any

import pytest

from ige_pipeline.inbound import by_hand
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings
from ige_pipeline_tests.console.desks import Person
from ige_pipeline_tests.console.test_changes import last_deed
from ige_pipeline_tests.factories import Conn, fetch, insert, make_contractor, make_message, make_sent_message, one


def make_reply(conn: Conn, **over: Any) -> int:
    row = {"provider_id": f"SM{len(over)}{over.get('body', '')}", "proof": "token", "body": "Fine", "meaning": "reply"}
    return insert(conn, "ige_inbound_messages", row | over)


def suppressed(conn: Conn, number: str) -> bool:
    found = conn.execute("SELECT FROM ige_suppressions WHERE phone_e164 = %s AND lifted_at IS NULL", [number])
    return found.rowcount == 1


def test_replies_are_shown_with_what_was_made_of_them(conn: Conn, viewer: Person, admin: Person) -> None:
    ada = make_contractor(conn, phone="+12125550142")
    message = make_sent_message(conn, ada)
    make_reply(
        conn,
        contractor_id=ada,
        message_id=message,
        phone_e164="+12125550142",
        body="<b>Call 212-555-0199</b>",
        rule="calm",
    )
    conn.execute("UPDATE ai_proactive_messages SET receipt_status = 'delivered', receipt_at = now()")

    for path in ("/replies", f"/messages/{message}", f"/contractors/{ada}"):
        page = viewer.open(path)
        assert "&lt;b&gt;Call …0199" in page, path
        assert "212-555-0199" not in page
    assert "the provider said at" in viewer.open(f"/messages/{message}")
    assert "+12125550142" in admin.open("/replies")
    assert "Reply" in viewer.open("/activity")


def test_what_is_flagged_waits_until_somebody_has_looked(conn: Conn, operator: Person) -> None:
    reply = make_reply(conn, flag="doubtful_opt_out", body="not now")
    other = make_reply(conn, body="ok")

    assert "1 reply waits for a person." in operator.open("/")
    assert "not now" in operator.open("/replies?flagged=yes")
    operator.send(f"/replies/{reply}/seen")

    assert "No reply waits for a person." in operator.open("/replies?flagged=yes")
    assert last_deed(conn) == ("console (operator)", "seen")
    assert fetch(conn, "ige_inbound_messages", reply)["seen_by"] == "console (operator)"
    assert "does not wait" in operator.send(f"/replies/{other}/seen", status=409).text


def test_an_opt_out_by_hand_is_by_number_and_cancels_what_waits_for_all_who_have_it(
    conn: Conn, operator: Person
) -> None:
    ada, bob = (make_contractor(conn, phone=phone) for phone in ("+12125550142", "(212) 555-0142"))
    waiting = [make_message(conn, each) for each in (ada, bob)]

    operator.send(f"/contractors/{ada}/opt-out", reason="Asked by phone")

    assert suppressed(conn, "+12125550142")
    assert [fetch(conn, "ai_proactive_messages", each)["cancel_reason"] for each in waiting] == ["suppressed"] * 2
    assert "they opted out" in operator.open(f"/contractors/{bob}")
    assert "Asked by phone" in operator.open(f"/contractors/{bob}")
    assert last_deed(conn) == ("console (operator)", "opt_out")
    details = one(conn.execute("SELECT string_agg(detail::text, ' ') AS told FROM ige_audit"))["told"]
    assert "5550142" not in details

    operator.send(f"/contractors/{bob}/opt-in", reason="Asked by mail")

    assert not suppressed(conn, "+12125550142")
    assert last_deed(conn) == ("console (operator)", "opt_in")
    operator.send(f"/contractors/{bob}/opt-in", reason="Asked by mail", status=409)


def test_a_number_that_nobody_has_is_opted_out_and_let_in_again_on_the_line_of_its_reply(
    conn: Conn, operator: Person, viewer: Person
) -> None:
    reply = make_reply(conn, phone_e164="+12125550142", flag="unknown_number")

    assert f"/replies/{reply}/opt-out" in operator.open("/replies")
    assert f"/replies/{reply}/opt-out" not in viewer.open("/replies")
    asked = operator.open(f"/replies/{reply}/opt-out")
    assert "…0142" in asked
    assert "5550142" not in asked
    operator.send(f"/replies/{reply}/opt-out", reason="Said so by phone")

    assert suppressed(conn, "+12125550142")
    assert last_deed(conn) == ("console (operator)", "opt_out")
    assert f"/replies/{reply}/opt-in" in operator.open("/replies")

    operator.send(f"/replies/{reply}/opt-in", reason="Said so by mail")

    assert not suppressed(conn, "+12125550142")


def test_a_reply_from_no_number_can_opt_nothing_out(conn: Conn, operator: Person) -> None:
    reply = make_reply(conn, phone_e164=None, body="STOP")

    assert "came from none" in operator.open(f"/replies/{reply}/opt-out", status=409)
    operator.open("/replies/999999/opt-out", status=404)


def test_without_a_whole_number_nobody_can_be_opted_out(conn: Conn, operator: Person) -> None:
    for phone in (None, "555-0142", "none"):
        ada = make_contractor(conn, phone=phone)
        assert "pause them instead" in operator.open(f"/contractors/{ada}/opt-out", status=409)
    with pytest.raises(Refusal, match="There is no contractor"):
        by_hand.number_of_contractor(conn, 999_999, Settings())
