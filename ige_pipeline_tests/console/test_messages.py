"""Finding a message, and reading its whole story."""

import pytest

from ige_pipeline.console import messages
from ige_pipeline.delivery.switches import set_stop
from ige_pipeline.masking import masked
from ige_pipeline_tests.console.desks import Person
from ige_pipeline_tests.console.test_waiting import make_draft
from ige_pipeline_tests.factories import (
    Conn,
    ago,
    insert,
    make_batch,
    make_contractor,
    make_decision,
    make_goal,
    make_message,
    make_sent_message,
    make_trust,
)

NOBODY: dict[str, str | None] = {}


def ids(found: messages.Listing) -> list[int]:
    return [row["id"] for row in found.rows]


def test_pages_follow_one_another_and_hold_every_message_once(conn: Conn) -> None:
    ada = make_contractor(conn)
    made = [make_message(conn, ada) for _ in range(messages.SHOWN + 3)]

    first = messages.search(conn, NOBODY)
    second = messages.search(conn, NOBODY, before=first.older)

    assert ids(first) + ids(second) == made[::-1]
    assert second.older is None


def test_a_search_looks_through_so_many_and_says_how_far_it_came(conn: Conn, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = make_contractor(conn)
    wanted = make_message(conn, ada, message_content="About the permit")
    others = [make_message(conn, ada) for _ in range(4)]
    monkeypatch.setattr(messages, "SCAN", 4)

    first = messages.search(conn, {"q": "permit"})
    second = messages.search(conn, {"q": "permit"}, before=first.older)

    assert (ids(first), first.older, first.looked_through) == ([], others[0], 4)
    assert ids(second) == [wanted]


def test_each_state_is_found_by_its_name(conn: Conn) -> None:
    ada = make_contractor(conn)
    made = {
        "waiting": make_message(conn, ada),
        "answered": make_sent_message(conn, ada),
        "dead": make_message(conn, ada, dead_at=ago(hours=1), dead_reason="http_400"),
        "cancelled": make_message(conn, ada, cancelled_at=ago(hours=1), cancel_reason="by_hand"),
        "expired": make_message(conn, ada, expired_at=ago(hours=1)),
    }

    assert {state: ids(messages.search(conn, {"state": state})) for state in made} == {
        state: [message] for state, message in made.items()
    }
    assert ids(messages.of_contractor(conn, ada)) == sorted(made.values(), reverse=True)


def test_a_search_means_a_number_a_word_or_a_person(conn: Conn, viewer: Person) -> None:
    ada = make_contractor(conn, first_name="Zelda", last_name="Quimby", company_name="Quimby_Roofs")
    one = make_message(conn, ada, message_content="50% of the bid")
    make_message(conn, ada, message_content="500 of the bids")

    assert ids(messages.search(conn, {"q": f"#{one}"})) == [one]
    assert ids(messages.search(conn, {"q": "50% of"})) == [one]
    for words in ("zelda q", "QUIMBY", "quimby_r", str(ada)):
        assert [each["id"] for each in messages.people(conn, words)] == [ada], words
    assert messages.people(conn, "quimbyxr") == []
    assert one in ids(messages.search(conn, {"q": "zelda"}))
    assert f"/console/contractors/{ada}" in viewer.open("/messages?q=quimby")
    assert ids(messages.search(conn, {"q": "zelda", "state": "dead"})) == []


def test_digits_mean_a_message_a_company_or_a_word_of_a_text(conn: Conn) -> None:
    ada = make_contractor(conn, company_name="360 Roofs")
    theirs = make_message(conn, ada)
    said = make_message(conn, make_contractor(conn), message_content="The bid over 1200 dollars")

    assert ids(messages.search(conn, {"q": "360"})) == [theirs]
    assert ids(messages.search(conn, {"q": "1200"})) == [said]
    assert ids(messages.search(conn, {"q": str(said)})) == [said]
    assert ids(messages.search(conn, {"q": "#1200"})) == []
    assert [each["id"] for each in messages.people(conn, "360")] == [ada]


def test_the_story_goes_from_the_row_to_the_reply_with_a_sentence_why(conn: Conn, viewer: Person) -> None:
    ada = make_contractor(conn, phone="+12125550142")
    batch = make_batch(conn)
    message = make_sent_message(
        conn, ada, contractor_response="Sounds good", trigger_name="high_priority_goal", attempts=1
    )
    decision = make_decision(conn, batch, ada, verdict="scheduled", decided_at=ago(days=10), message_id=message)
    conn.execute("UPDATE ai_proactive_messages SET decision_id = %s WHERE id = %s", [decision, message])
    attempt = {"message_id": message, "run_id": "r", "attempt": 1, "lease_token": "0" * 32, "claimed_at": ago(days=10)}
    answer = '{"sent to": "+1 (212) 555-0142"}'
    more = {"posted_at": ago(days=10), "outcome": "Delivered", "status_code": 200, "response": answer, "duration_ms": 9}
    insert(conn, "ige_delivery_attempts", attempt | more)

    page = viewer.open(f"/messages/{message}")

    for said in ("has priority 8 and an open checklist item", "was sent at", "Delivered HTTP 200", "Sounds good"):
        assert said in page
    assert "…0142" in page
    assert "555-0142" not in page


def test_a_message_of_another_program_is_told_as_well(conn: Conn, viewer: Person) -> None:
    message = make_message(conn, make_contractor(conn))

    assert "Another program put this message into the outbox" in viewer.open(f"/messages/{message}")


def test_nothing_that_a_contractor_writes_becomes_html(conn: Conn, viewer: Person) -> None:
    evil = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    ada = make_contractor(conn, first_name=evil, company_name=evil)
    message = make_sent_message(conn, ada, message_content=evil, contractor_response=evil, ai_reasoning=evil)

    pages = [viewer.open(path) for path in (f"/messages/{message}", "/messages", "/messages?q=%3Cscript", "/")]

    for page in pages:
        assert "<script>alert" not in page
        assert "<img" not in page
    assert "&lt;script&gt;" in pages[0]


def test_numbers_are_shown_to_an_admin_alone(conn: Conn, viewer: Person, operator: Person, admin: Person) -> None:
    message = make_message(conn, make_contractor(conn, phone="+12125550142"))

    pages = {who: who.open(f"/messages/{message}") + who.open("/messages") for who in (viewer, operator, admin)}

    assert ["+12125550142" in page for page in pages.values()] == [False, False, True]


WRITTEN = (
    *("+12125550142", "(212) 555-0142", "212 - 555 - 0142", "212\u2013555\u20130142", "212\u2011555\u20110142"),
    *(
        "212\u00a0555\u00a00142",
        "212/555/0142",
        "212  .  555  .  0142",
        "2\u200b1\u200b2555\u200b0142",
        "[212] 555_0142",
    ),
)


@pytest.mark.parametrize("number", WRITTEN)
def test_a_number_is_cut_however_it_is_written(number: str) -> None:
    told = f"Call Ada on {number}, or #123456 (draft 1234567) of 2026-11-23 14:00."

    assert masked(told, shown=False) == "Call Ada on …0142, or #123456 (draft 1234567) of 2026-11-23 14:00."
    assert masked(told, shown=True) == told


@pytest.mark.parametrize("word", ["message ", "batch ", "decision ", "draft ", "#"])
def test_seven_digits_behind_a_word_of_ours_may_be_a_phone_number(word: str) -> None:
    assert masked(f"call {word}5550142 now", shown=False).endswith("…0142 now")


def test_a_number_in_a_name_or_a_company_is_cut_too(conn: Conn, viewer: Person, admin: Person) -> None:
    ada = make_contractor(conn, first_name="Ada 212-555-0177", last_name="L", company_name="Roofs (212) 555-0188")
    message = make_sent_message(conn, ada)
    paths = (f"/contractors/{ada}", f"/messages/{message}", "/messages?q=ada", f"/why-not?contractor={ada}")

    for path in paths:
        page = viewer.open(path)
        assert "555-01" not in page, path
        assert "…0177" in page, path
    assert "212-555-0177" in admin.open(f"/contractors/{ada}")


@pytest.mark.parametrize("asked", ["0142 ", "555-01", "212 5", "call 2125550142", "1-2-3-4"])
def test_who_sees_no_numbers_cannot_find_one_out_by_searching(
    conn: Conn, viewer: Person, admin: Person, asked: str
) -> None:
    make_sent_message(conn, make_contractor(conn, phone="2125550142"), message_content="call 212 555-0142")

    for path in ("/messages?q=", "/why-not?contractor="):
        refused = viewer.client.get(f"/console{path}{asked}")
        assert refused.status_code == 400, path
        assert "call" not in refused.text.partition("<tbody")[2]
        admin.open(f"{path}{asked}")


def test_a_number_by_itself_is_that_of_a_row_for_who_sees_no_phone_numbers(conn: Conn, viewer: Person) -> None:
    make_contractor(conn, phone="2125550142", first_name="Ada")

    assert "Ada" not in viewer.open("/messages?q=2125550142").partition("<main")[2]
    assert "Ada" not in viewer.open("/why-not?contractor=2125550142").partition("<main")[2]


def test_numbers_that_somebody_wrote_are_shown_to_an_admin_alone(conn: Conn, viewer: Person, admin: Person) -> None:
    said = "My new number is 212 - 555 - 0142"
    paused = {"ai_proactive_paused": True, "ai_pause_reason": said, "phone": "+12125550142"}
    ada = make_contractor(conn, **paused)
    make_goal(conn, ada, goal_description=said, next_milestone=said)
    make_trust(conn, ada, 40, indicator_description=said)
    told = {"message_content": said, "contractor_response": said, "ai_reasoning": said}
    message = make_sent_message(conn, ada, **told)
    set_stop(conn, on=True, reason=said, who="ige")
    make_draft(conn, ada, said)
    paths = ("/", "/messages", f"/messages/{message}", f"/contractors/{ada}", "/drafts", f"/why-not?contractor={ada}")

    for path in paths:
        assert "0142" in viewer.open(path), path
        assert "555" not in viewer.open(path), path
        assert "212 - 555 - 0142" in admin.open(path), path


@pytest.mark.parametrize(
    "query", ["state=gone", "trigger=x", "before=0", "before=x", "before=99999999999999999999", "message_type=sms"]
)
def test_what_no_form_of_ours_asks_is_refused_in_one_sentence(viewer: Person, query: str) -> None:
    assert "That cannot be read" in viewer.open(f"/messages?{query}", status=400)


def test_a_message_that_is_not_there_is_not_found(viewer: Person) -> None:
    for number in ("999999", "0", "9" * 19):
        assert "That is not here" in viewer.open(f"/messages/{number}", status=404)
    for number in ("9" * 20, "9" * 5_000):
        assert "There is no such page" in viewer.open(f"/messages/{number}", status=404)
