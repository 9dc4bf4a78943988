"""What waits for a person: drafts, held batches, dead letters."""

import html
import re

from psycopg.types.json import Jsonb

from ige_pipeline_tests.cli.people import make_awake_contractor
from ige_pipeline_tests.console.desks import Person
from ige_pipeline_tests.console.test_changes import last_deed
from ige_pipeline_tests.factories import (
    Conn,
    ago,
    fetch,
    make_batch,
    make_contractor,
    make_message,
    make_reviewed_decision,
    one,
)

WANTED = {"verdict": "held", "decided_at": ago(hours=1), "retry_at": ago(hours=-20)}


def make_draft(conn: Conn, contractor_id: int, text: str = "Hi Ada, how did the call with the suppliers go?") -> int:
    reasons = Jsonb([{"reason": "approval_wanted", "observed": "template", "limit": "ige drafts approve"}])
    return make_reviewed_decision(conn, make_batch(conn), contractor_id, **WANTED, reasons=reasons, draft=text)


def verdict(conn: Conn, decision: int) -> str:
    row = one(conn.execute("SELECT verdict FROM ige_decisions WHERE id = %s", [decision]))
    return str(row["verdict"])


def test_a_draft_is_approved_and_scheduled_under_the_name_of_who_did(conn: Conn, operator: Person) -> None:
    draft = make_draft(conn, make_awake_contractor(conn))

    assert "how did the call with the suppliers go?" in operator.open("/drafts")
    operator.send(f"/drafts/{draft}/approve")

    assert verdict(conn, draft) == "scheduled"
    assert last_deed(conn) == ("console (operator)", "approve draft")
    assert "does not wait" in operator.open(f"/drafts/{draft}/approve", status=409)


def test_a_draft_that_a_safeguard_stops_says_so(conn: Conn, operator: Person) -> None:
    draft = make_draft(conn, make_awake_contractor(conn, ai_proactive_paused=True))

    answer = operator.send(f"/drafts/{draft}/approve", status=409)

    assert "is blocked: messages are paused until no end" in answer.text


def test_a_draft_gets_another_text_that_is_checked(conn: Conn, operator: Person) -> None:
    draft = make_draft(conn, make_awake_contractor(conn))

    refused = operator.send(f"/drafts/{draft}/edit", text="See https://example.com for {offer}", status=409)
    operator.send(f"/drafts/{draft}/edit", text="Hi Ada, did you call the suppliers yet?")

    assert "This text cannot be sent" in refused.text
    assert "did you call the suppliers yet?" in operator.open("/drafts")
    assert verdict(conn, draft) == "held"


def test_a_draft_is_rejected_with_a_reason(conn: Conn, operator: Person) -> None:
    draft = make_draft(conn, make_awake_contractor(conn))

    operator.send(f"/drafts/{draft}/reject", reason="Too soon")

    assert verdict(conn, draft) == "rejected"


def test_a_held_batch_is_shown_and_released(conn: Conn, operator: Person, viewer: Person) -> None:
    batch = make_batch(conn)
    reasons = Jsonb([{"reason": "blast_radius", "observed": "60 contractors", "limit": "50"}])
    held = make_reviewed_decision(
        conn, batch, make_awake_contractor(conn), verdict="held", decided_at=ago(minutes=5), reasons=reasons
    )
    conn.execute("""UPDATE ige_batches SET counts = '{"held": 1}', closed_at = now() WHERE id = %s""", [batch.id])

    assert f"Batch {batch.id} would have reached 1 contractors at once" in viewer.open("/drafts")
    operator.send(f"/batches/{batch.id}/approve")

    assert verdict(conn, held) == "scheduled"
    assert last_deed(conn) == ("console (operator)", "approve")


def test_dead_letters_are_chosen_and_sent_again(conn: Conn, operator: Person) -> None:
    ada = make_contractor(conn)
    dead = {"dead_at": ago(hours=1), "dead_reason": "http_400", "attempts": 1}
    first, second = (make_message(conn, ada, **dead) for _ in range(2))
    kept = make_message(conn, make_contractor(conn), **dead)

    assert f'value="{kept}"' in operator.open("/dead?reason=http_400")
    operator.send(f"/dead/redrive?id={first}&id={second}", id=[str(first), str(second)])

    revived = [fetch(conn, "ai_proactive_messages", each)["dead_at"] is None for each in (first, second, kept)]
    assert revived == [True, True, False]
    assert last_deed(conn) == ("console (operator)", "redrive")
    assert "None of these is a dead letter" in operator.open(f"/dead/redrive?id={first}", status=409)


def test_what_is_too_old_is_sent_again_only_with_more_time(conn: Conn, operator: Person) -> None:
    stale = make_message(
        conn, make_contractor(conn), dead_at=ago(hours=30), dead_reason="http_400", created_at=ago(hours=40)
    )

    refused = operator.send(f"/dead/redrive?id={stale}", id=str(stale), status=409)
    operator.send(f"/dead/redrive?id={stale}", id=str(stale), expires_in="4h")

    assert "its time is over" in refused.text
    assert fetch(conn, "ai_proactive_messages", stale)["dead_at"] is None


def test_what_stays_dead_is_said(conn: Conn, operator: Person) -> None:
    fresh, stale = (
        make_message(
            conn, make_contractor(conn), dead_at=ago(hours=1), dead_reason="http_400", created_at=ago(hours=age)
        )
        for age in (2, 40)
    )

    answer = operator.send(f"/dead/redrive?id={fresh}&id={stale}")

    told = operator.open(answer.headers["location"].removeprefix("/console"))
    assert "Sent on their way again: 1." in told
    assert "Still dead: 1," in told


def test_nothing_chosen_changes_nothing(operator: Person) -> None:
    assert "Choose at least one" in operator.open("/dead/redrive", status=400)
    assert "is not a whole number" in operator.open("/dead/redrive?id=x", status=400)


def test_nobody_approves_rejects_or_overwrites_a_text_that_they_have_not_seen(
    conn: Conn, operator: Person, admin: Person
) -> None:
    draft = make_draft(conn, make_awake_contractor(conn))
    opened = {deed: operator.open(f"/drafts/{draft}/{deed}") for deed in ("approve", "edit", "reject")}
    admin.send(f"/drafts/{draft}/edit", text="Hi Ada, did you call the suppliers yet?")

    for deed, page in opened.items():
        fields = {"text": "Hi Ada, how are you?", "reason": "Too soon"}
        answer = operator.send_opened(f"/drafts/{draft}/{deed}", page, status=409, **fields)
        assert "has another text by now" in answer.text
    assert verdict(conn, draft) == "held"

    operator.send(f"/drafts/{draft}/approve")
    assert verdict(conn, draft) == "scheduled"


def test_a_text_with_a_number_is_written_anew_only_by_who_may_see_it(
    conn: Conn, operator: Person, admin: Person
) -> None:
    draft = make_draft(conn, make_awake_contractor(conn), "Hi Ada, call 212 - 555 - 0142")

    assert "holds a number" in operator.open(f"/drafts/{draft}/edit", status=409)
    assert "212 - 555 - 0142" in admin.open(f"/drafts/{draft}/edit")


def test_nobody_releases_messages_of_a_batch_that_they_have_not_seen(conn: Conn, operator: Person) -> None:
    batch, reasons = make_batch(conn), Jsonb([{"reason": "blast_radius", "observed": "60", "limit": "50"}])
    held = {"verdict": "held", "decided_at": ago(minutes=5), "reasons": reasons}
    first = make_reviewed_decision(conn, batch, make_awake_contractor(conn), **held)
    page = operator.open(f"/batches/{batch.id}/approve")
    second = make_reviewed_decision(conn, batch, make_awake_contractor(conn), **held)

    answer = operator.send_opened(f"/batches/{batch.id}/approve", page, status=409)

    assert "holds other messages by now" in answer.text
    assert (verdict(conn, first), verdict(conn, second)) == ("held", "held")


def test_dead_letters_and_drafts_are_shown_page_by_page_each_once(conn: Conn, operator: Person) -> None:
    ada = make_contractor(conn)
    conn.execute(
        "INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, dead_at, dead_reason) "
        "SELECT %s, 'check_in', 'Hi', now() - make_interval(mins => n / 2), 'http_400' FROM generate_series(1, 401) n",
        [ada],
    )
    batch = make_batch(conn)
    wanted = Jsonb([{"reason": "approval_wanted", "observed": "template", "limit": "ige drafts approve"}])
    for _ in range(101):
        make_reviewed_decision(conn, batch, ada, **WANTED, reasons=wanted, draft="Hi")

    dead = read_all(operator, "/dead", r"Choose message (\d+)")
    drafts = read_all(operator, "/drafts", r'id="draft-(\d+)"')

    assert [len(page) for page in dead] == [200, 200, 1]
    assert [len(page) for page in drafts] == [100, 1]
    for pages in (dead, drafts):
        assert len({number for page in pages for number in page}) == sum(len(page) for page in pages)


def read_all(person: Person, path: str, row: str) -> list[list[str]]:
    """Follow a list to its end; return the rows of each page."""
    pages, following = [], path
    while following:
        page = person.open(following)
        pages.append(re.findall(row, page))
        leads = re.search(r'rel="next" href="([^"]*)"', page)
        following = path + html.unescape(leads[1]) if leads else ""
    return pages
