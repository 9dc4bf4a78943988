"""What may be changed: only after a question, only by those who may, and always with a name and a time."""

import pytest

from ige_pipeline.console.routes import CHANGE
from ige_pipeline.delivery import outbox
from ige_pipeline_tests.console.desks import Person, mark_of
from ige_pipeline_tests.factories import Conn, one


def last_deed(conn: Conn) -> tuple[str, str]:
    """Return who did what last, as the audit trail has it."""
    row = one(conn.execute("SELECT who, action FROM ige_audit ORDER BY id DESC LIMIT 1"))
    return row["who"], row["action"]


def test_an_operator_stops_and_starts_all_sending(conn: Conn, operator: Person) -> None:
    answer = operator.send("/stop", reason="a wrong template")

    assert outbox.standing(conn).stopped
    assert outbox.standing(conn).stop_reason == "a wrong template"
    assert last_deed(conn) == ("console (operator)", "stop")
    assert "All sending is stopped." in operator.open(answer.headers["location"].removeprefix("/console"))

    operator.send("/start")

    assert not outbox.standing(conn).stopped
    assert last_deed(conn) == ("console (operator)", "start")


def test_a_stop_says_why(conn: Conn, operator: Person) -> None:
    operator.send("/stop", reason="  ", status=400)
    assert "leave the phone number out" in operator.send("/stop", reason="Ada on +1 212 555 0142", status=400).text

    assert not outbox.standing(conn).stopped


@pytest.mark.parametrize("path", [path.replace("{id:row}", "1") for path in CHANGE])
def test_a_viewer_may_change_nothing(conn: Conn, viewer: Person, path: str) -> None:
    before = one(conn.execute("SELECT count(*) AS deeds FROM ige_audit"))

    assert viewer.client.get(f"/console{path}").status_code == 403
    answer = viewer.client.post(f"/console{path}", data={"mark": mark_of(viewer.open("/")), "reason": "x", "id": "1"})

    assert answer.status_code == 403
    assert "viewer" in answer.text
    assert one(conn.execute("SELECT count(*) AS deeds FROM ige_audit")) == before


def test_a_form_of_another_session_changes_nothing(conn: Conn, operator: Person, admin: Person) -> None:
    answer = operator.client.post("/console/stop", data={"mark": mark_of(admin.open("/")), "reason": "x"})

    assert answer.status_code == 403
    assert not outbox.standing(conn).stopped


def test_a_form_that_a_browser_says_comes_from_elsewhere_changes_nothing(conn: Conn, operator: Person) -> None:
    fields = {"mark": mark_of(operator.open("/")), "reason": "x"}

    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert operator.client.post("/console/stop", data=fields, headers=headers).status_code == 403
    assert not outbox.standing(conn).stopped


def test_a_form_that_is_too_long_or_none_is_refused(operator: Person) -> None:
    mark = mark_of(operator.open("/"))

    assert operator.client.post("/console/stop", data={"mark": mark, "reason": "x" * 70_000}).status_code == 400
    assert operator.client.post("/console/stop", json={"mark": mark}).status_code == 400
