"""One contractor: what stands in the way now, what may be done about it, and why they got nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from psycopg.types.json import Jsonb

from ige_pipeline.delivery import pause as by_hand
from ige_pipeline.delivery.switches import set_stop
from ige_pipeline.refusal import Refusal
from ige_pipeline.safeguards.reason import Reason
from ige_pipeline.safeguards.recipient import SAFEGUARDS
from ige_pipeline.safeguards.standing import GUARDS, standing
from ige_pipeline.settings import Settings
from ige_pipeline_tests.cli.people import make_asleep_zone, make_awake_contractor, make_due_contractor
from ige_pipeline_tests.console.desks import Person
from ige_pipeline_tests.console.test_changes import last_deed
from ige_pipeline_tests.factories import (
    Conn,
    ago,
    fetch,
    make_batch,
    make_contractor,
    make_decision,
    make_goal,
    make_message,
    make_sent_message,
    make_trust,
    one,
)


def guards(conn: Conn, contractor_id: int) -> tuple[set[str], datetime | None, datetime]:
    """Return which safeguards stand in the way, when none does, and now."""
    found = standing(conn, contractor_id, Settings(), consent_needed=False)
    return {each.name for each in found.guards if each.findings}, found.next_contact, found.now


def test_every_safeguard_and_every_reason_has_its_place() -> None:
    said = {reason for reasons in GUARDS.values() for reason in reasons}

    assert set(Reason) - said == {Reason.CHANGED_SINCE, Reason.OUTRANKED, Reason.UNEVALUATED}
    asked = {each.check.__name__ for each in SAFEGUARDS}
    assert asked - set(GUARDS) == {"unknown_contractor", "changed_since"}


def test_nothing_stands_in_the_way_of_somebody_awake_and_unbothered(conn: Conn) -> None:
    blocked, next_contact, now = guards(conn, make_awake_contractor(conn))

    assert (blocked, next_contact) == (set(), now)


def test_the_next_contact_is_when_the_last_of_the_reasons_has_cleared(conn: Conn) -> None:
    ada = make_awake_contractor(conn)
    make_sent_message(conn, ada, sent_at=ago(hours=47))

    blocked, next_contact, now = guards(conn, ada)

    assert blocked == {"gap"}
    assert next_contact is not None
    assert timedelta(minutes=59) < next_contact - now < timedelta(minutes=61)


def test_a_gap_that_clears_at_night_lasts_until_the_morning(conn: Conn) -> None:
    ada = make_contractor(conn, timezone=make_asleep_zone(), phone="+442079460000")
    make_sent_message(conn, ada, sent_at=ago(hours=46))

    blocked, next_contact, now = guards(conn, ada)

    assert blocked == {"gap", "quiet_hours"}
    assert next_contact is not None
    assert timedelta(hours=7) < next_contact - now <= timedelta(hours=8)


def test_what_only_a_person_can_mend_has_no_time(conn: Conn) -> None:
    ada = make_awake_contractor(conn, ai_proactive_paused=True)

    assert guards(conn, ada)[:2] == ({"paused"}, None)


def test_the_page_tells_goals_trust_messages_and_safeguards(conn: Conn, viewer: Person) -> None:
    ada = make_due_contractor(conn, first_name="Grace")
    make_goal(conn, ada, goal_description="Hire two roofers", status="completed")
    make_trust(conn, ada, 15, indicator_description="Said <b>no</b>")
    make_message(conn, ada, message_content="How is the hiring?")

    page = viewer.open(f"/contractors/{ada}")

    for said in (
        "Hire two roofers",
        "trust is 15, and 20 is the least",
        "How is the hiring?",
        'class="chart"',
        "Grace",
    ):
        assert said in page
    assert "Said &lt;b&gt;no" in page
    assert "Not before a person does something" in page
    assert "/pause" not in page


def test_the_page_names_first_what_keeps_every_message_back(conn: Conn, viewer: Person) -> None:
    ada = make_awake_contractor(conn)
    said = "As far as they themselves are concerned, now: no safeguard stands in the way."
    assert f"</strong> {said}" in viewer.open(f"/contractors/{ada}")

    set_stop(conn, on=True, reason="x", who="ige")
    opened = "INSERT INTO ige_circuits VALUES ('n', 'open', 'x', now(), now())"
    conn.execute(opened)
    make_message(conn, ada, trigger_name="stalled_goal")

    told = viewer.open(f"/contractors/{ada}").partition("May they be contacted?")[2].partition("</p>")[0]
    for each in ("Not while all sending is stopped.", "Not while n is paused", "Nothing new before what waits"):
        assert told.index(each) < told.index(said)


def test_somebody_is_paused_until_a_moment_and_resumed(conn: Conn, operator: Person) -> None:
    ada = make_awake_contractor(conn)
    until = datetime.now(UTC) + timedelta(days=3)

    operator.send(f"/contractors/{ada}/pause", until=f"{until:%Y-%m-%dT%H:%M}", reason="On holiday")

    assert guards(conn, ada)[0] == {"paused"}
    assert last_deed(conn) == ("console (operator)", "pause")
    page = operator.open(f"/contractors/{ada}?done=paused")
    for said in ("Paused: nothing is sent to them.", "On holiday", f"until {until:%Y-%m-%d %H:%M} UTC"):
        assert said in page

    operator.send(f"/contractors/{ada}/resume", reason="they called")

    assert guards(conn, ada)[0] == set()
    assert last_deed(conn) == ("console (operator)", "resume")
    assert fetch(conn, "contractors", ada)["ai_pause_reason"] is None


def test_a_pause_is_of_somebody_and_ends_later_than_now(conn: Conn, operator: Person) -> None:
    ada = make_contractor(conn)

    operator.send(f"/contractors/{ada}/pause", until="2020-01-01T00:00", reason="x", status=409)
    operator.send(f"/contractors/{ada}/pause", until="soon", reason="x", status=400)
    with pytest.raises(Refusal, match="There is no contractor"):
        by_hand.pause(conn, 999_999, until=None, reason="x", who="x")
    with pytest.raises(Refusal, match="There is no contractor"):
        by_hand.resume(conn, 999_999, reason="y", who="x")

    assert fetch(conn, "contractors", ada)["ai_proactive_paused"] is False
    assert one(conn.execute("SELECT count(*) AS deeds FROM ige_audit WHERE action = 'pause'"))["deeds"] == 0


def test_why_not_explains_somebody_by_name_and_hour(conn: Conn, viewer: Person) -> None:
    ada = make_contractor(conn, first_name="Zelda", last_name="Quimby")
    batch = make_batch(conn)
    low = Jsonb([{"reason": "low_trust", "observed": 12, "limit": 20}])
    make_decision(conn, batch, ada, verdict="blocked", decided_at=ago(minutes=1), reasons=low)

    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M}"
    assert "Not written to: trust is 12, and 20 is the least." in viewer.open(f"/why-not?contractor=zelda&at={now}")
    yesterday = f"{ago(days=1):%Y-%m-%dT%H:%M}"
    assert f"No batch ran in the hour of {ago(days=1):%Y-%m-%d}" in viewer.open(
        f"/why-not?contractor={ada}&at={yesterday}"
    )


def test_a_name_that_several_have_is_asked_for_again(conn: Conn, viewer: Person) -> None:
    one, other = (make_contractor(conn, first_name="Zelda") for _ in range(2))

    asks = viewer.open("/why-not?contractor=zelda&at=2026-11-23T14:00")

    assert "Whom do you mean?" in asks
    for each in (one, other):
        led = f"/why-not?contractor={each}&at=2026-11-23T14%3A00"
        assert f'href="/console{led.replace("&", "&amp;")}"' in asks
        assert "No batch ran in the hour of 2026-11-23" in viewer.open(led)
    assert "Nobody is called so" in viewer.open("/why-not?contractor=nobody-here")


def test_who_writes_somebodys_number_means_them_and_no_company_of_that_name(conn: Conn, viewer: Person) -> None:
    ada = make_contractor(conn)
    make_contractor(conn, company_name=f"{ada} Degrees Roofing")

    assert "Whom do you mean?" not in viewer.open(f"/why-not?contractor={ada}")


def test_a_message_that_waits_is_taken_back_once(conn: Conn, operator: Person) -> None:
    message = make_message(conn, make_contractor(conn), trigger_name="stalled_goal")

    operator.send(f"/messages/{message}/cancel", reason="Wrong person")

    assert fetch(conn, "ai_proactive_messages", message)["cancelled_at"] is not None
    assert last_deed(conn) == ("console (operator)", "cancel")
    assert "cannot be cancelled: it is cancelled" in operator.open(f"/messages/{message}/cancel", status=409)
