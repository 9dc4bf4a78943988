"""Whatever is typed into an address or a form: no error of ours, and nothing that is not meant to be seen."""

import os
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ige_pipeline.console import messages
from ige_pipeline.console.desk import Desk
from ige_pipeline.console.routes import CHANGE, READ
from ige_pipeline.triggers.trigger import load_all
from ige_pipeline_tests.console.desks import Person, enter, make_desk, mark_of
from ige_pipeline_tests.factories import Conn, ago, make_contractor, make_message, make_sent_message, make_trust

EXAMPLES = int(os.environ.get("IGE_TEST_EXAMPLES", "40"))
PHONE = "+12125550142"
KNOWN = {200, 303, 400, 403, 404, 405, 409}
NAMES = (
    *("q", "state", "trigger", "message_type", "before", "contractor", "at", "reason", "id", "expires_in", "until"),
    *("text", "setting", "value", "done", "next", "mark", "token"),
)
odd = st.sampled_from(
    [
        *("", "0", "1", "-1", "x", "9" * 19, "9" * 40, "1e9", "\x00", "%", "_", "'", '"><script>alert(1)</script>'),
        *("2026-11-23T14:00", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "4h", "dead", "waiting", "#1", "nan"),
        *("high_priority_min_score", "min_gap_hours", "../..", "{{7*7}}", "Ada", "PHONE", "infinity", "1,2", "\ud800"),
    ]
)
values = st.one_of(odd, st.text(max_size=40))
fields = st.lists(st.tuples(st.one_of(st.sampled_from(NAMES), st.text(max_size=8)), values), max_size=6)
parts = st.one_of(
    st.integers(0, 12).map(str), odd, st.text(max_size=12), st.sampled_from([each.name for each in load_all()])
)


@pytest.fixture
def desk(conn: Conn) -> Desk:
    """A console whose trials never begin."""
    desk = make_desk(conn)
    return Desk(desk.environment, desk.access, desk.open_connection, beside=lambda _: None)


@pytest.fixture
def people(conn: Conn, desk: Desk) -> dict[str, Person]:
    """Both kinds of visitors, before a database in which there is something to find."""
    ada = make_contractor(conn, phone=PHONE)
    make_trust(conn, ada, 40)
    make_message(conn, ada, dead_at=ago(hours=1), dead_reason="http_400")
    make_message(conn, ada, trigger_name="stalled_goal")
    make_sent_message(conn, ada, message_content=f"Hi Ada, {PHONE}", contractor_response="Call 212 - 555 - 0142")
    return {role: enter(desk, role) for role in ("viewer", "operator")}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    role=st.sampled_from(["viewer", "operator"]),
    path=st.sampled_from([*READ, *CHANGE]),
    part=parts,
    given_fields=fields,
    post=st.booleans(),
    genuine=st.booleans(),
    fragment=st.booleans(),
)
def test_no_request_breaks_anything_or_shows_what_is_hidden(  # noqa: PLR0917 - drawn by name
    conn: Conn,
    people: dict[str, Person],
    role: str,
    path: str,
    part: str,
    given_fields: list[tuple[str, str]],
    post: bool,  # noqa: FBT001 - drawn by name
    genuine: bool,  # noqa: FBT001 - as above
    fragment: bool,  # noqa: FBT001 - as above
) -> None:
    person = people[role]
    where = "/console" + path.replace("{id:row}", _quoted(part)).replace("{name}", _quoted(part))
    sent = [(name, value.replace("PHONE", PHONE)) for name, value in given_fields]
    headers = {"hx-request": "true"} if fragment else {}

    with conn.transaction(force_rollback=True):
        if post:
            own = [("mark", mark_of(person.open("/stop" if role == "operator" else "/messages")))] if genuine else []
            form = {"content-type": "application/x-www-form-urlencoded"}
            answer: Any = person.client.post(where, content=_encoded([*own, *sent]), headers=headers | form)
        else:
            answer = person.client.get(f"{where}?{_encoded(sent)}", headers=headers)

    assert answer.status_code in KNOWN, (where, sent, answer.text[-400:])
    for hidden in (PHONE, "555 - 0142", "Traceback", "psycopg", "SELECT ", "<script>alert"):
        assert hidden not in answer.text.replace(f'value="{PHONE}"', ""), (where, sent)
    # An address with a line break in it is nobody's, and not the console's either.
    if "%0A" not in where:
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="") or "1"


def _encoded(sent: list[tuple[str, str]]) -> str:
    return urlencode(
        [(name.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass")) for name, value in sent]
    )


def test_what_like_would_read_as_a_pattern_is_read_as_text(conn: Conn) -> None:
    made = make_message(conn, make_contractor(conn), message_content="100%_sure\\")

    for text, found in (("%_", [made]), ("\\", [made]), ("%x", []), ("0__", [])):
        assert [row["id"] for row in messages.search(conn, {"q": text}).rows] == found
