"""Coming in, and what every answer carries: sessions, forms of our own, headers."""

import base64
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

import anyio.from_thread
import anyio.to_thread
import pytest
from psycopg_pool import PoolTimeout
from starlette.testclient import TestClient

from ige_pipeline.console.desk import Desk
from ige_pipeline.console.routes import CHANGE, READ
from ige_pipeline.console.session import COOKIE, new_session, sealed
from ige_pipeline_tests.console.desks import TOKENS, enter, make_client, make_desk, mark_of
from ige_pipeline_tests.factories import Conn

PROXY = {
    "IGE_CONSOLE_TOKENS": "",
    "IGE_CONSOLE_PROXY_HEADER": "X-Forwarded-User",
    "IGE_CONSOLE_PROXY_SECRET": "a-secret-of-the-proxy-0001",
    "IGE_CONSOLE_ROLES": "ada@example.com:operator",
}
KNOWN = {"X-Forwarded-User": "ada@example.com", "X-Ige-Console-Secret": PROXY["IGE_CONSOLE_PROXY_SECRET"]}


def gone() -> AbstractContextManager[Conn]:
    """Open no connection."""
    raise PoolTimeout("couldn't get a connection after 5.00 sec")


def paths() -> list[str]:
    return [path.replace("{id:row}", "1").replace("{name}", "x") for path in (*READ, *CHANGE)]


@pytest.mark.parametrize("path", paths())
def test_no_page_opens_without_a_login(desk: Desk, path: str) -> None:
    answer = make_client(desk).get(f"/console{path}")

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/login?next=")


@pytest.mark.parametrize("path", [path.replace("{id:row}", "1") for path in CHANGE])
def test_no_change_is_made_without_a_login_or_a_form_of_ours(desk: Desk, path: str) -> None:
    operator = enter(desk, "operator")

    assert make_client(desk).post(f"/console{path}", data={}).status_code == 303
    assert operator.client.post(f"/console{path}", data={"mark": "0" * 64}).status_code == 403


def test_a_token_opens_a_session_that_no_script_and_no_other_site_can_use(desk: Desk) -> None:
    answer = make_client(desk, host="console.example.com").post(
        "/console/login", data={"token": TOKENS["viewer"], "next": "/console/messages"}
    )

    cookie = answer.headers["set-cookie"].lower()
    assert answer.headers["location"] == "/console/messages"
    assert all(word in cookie for word in ("httponly", "samesite=lax", "secure", "path=/console"))
    assert TOKENS["viewer"] not in cookie


def test_a_token_that_there_is_not_opens_nothing(desk: Desk) -> None:
    answer = make_client(desk).post("/console/login", data={"token": "x" * 30})

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "after", ["https://evil.example/", "//evil.example", "/console/../x", "/replies", "javascript:1"]
)
def test_the_login_leads_nowhere_else(desk: Desk, after: str) -> None:
    answer = make_client(desk).post("/console/login", data={"token": TOKENS["viewer"], "next": after})

    assert answer.headers["location"] == "/console/"


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value[:-1] + ("1" if value[-1] == "0" else "0"),
        lambda value: "e30." + value.split(".")[1],
        lambda _: "x",
    ],
)
def test_a_session_that_somebody_made_up_is_none(desk: Desk, change: Callable[[str], str]) -> None:
    person = enter(desk, "viewer")
    value = person.client.cookies[COOKIE]
    other = make_client(desk)
    other.cookies.set(COOKIE, change(value), path="/console")

    assert other.get("/console/").status_code == 303


def test_a_session_ends_with_its_token_and_the_others_go_on(conn: Conn, desk: Desk) -> None:
    kept = f"operator:operator:{TOKENS['operator']}"
    rotated = make_desk(conn, IGE_CONSOLE_TOKENS=f"viewer:viewer:another-token-of-theirs-01 {kept}")

    for role, status in (("viewer", 303), ("operator", 200)):
        person, client = enter(desk, role), make_client(rotated)
        client.cookies.set(COOKIE, person.client.cookies[COOKIE], path="/console")
        assert client.get("/console/").status_code == status
        if status == 200:
            carried = {"mark": mark_of(person.open("/stop")), "reason": "a form that was open"}
            assert client.post("/console/stop", data=carried).headers["location"].endswith("stopped")


def test_no_token_opens_a_session_of_another_s_name(desk: Desk) -> None:
    marks = {token.name: token.mark for token in desk.access.tokens}
    forged = sealed(new_session("admin", marks["admin"], now=datetime.now(UTC)), desk.access.key(marks["viewer"]))
    client = make_client(desk)
    client.cookies.set(COOKIE, forged, path="/console")

    assert client.get("/console/").status_code == 303


@pytest.mark.parametrize("told", ['{"name": 1}', "[" * 4_000, '{"name":[],"by":{},"mark":1,"until":"x"}', "null", "7"])
def test_a_cookie_of_any_making_opens_nothing_and_breaks_nothing(desk: Desk, told: str) -> None:
    client = make_client(desk)
    client.cookies.set(COOKIE, f"{base64.urlsafe_b64encode(told.encode()).decode()}.x", path="/console")

    assert client.get("/console/").status_code == 303


@pytest.mark.parametrize(
    ("host", "proto", "secure"),
    [
        *(("127.0.0.1", None, False), ("127.0.0.1", "https", True), ("127.0.0.1", "https, http", True)),
        *(("127.0.0.1", "http", False), ("console.example.com", None, True), ("console.example.com", "http", True)),
    ],
)
def test_a_cookie_is_secure_also_behind_a_proxy_that_calls_us_by_another_name(
    desk: Desk, host: str, proto: str | None, *, secure: bool
) -> None:
    client = make_client(desk, host=host)

    answer = client.post(
        "/console/login", data={"token": TOKENS["viewer"]}, headers={"x-forwarded-proto": proto} if proto else {}
    )

    assert ("; secure" in answer.headers["set-cookie"].lower()) is secure


def test_who_logs_out_is_out(desk: Desk) -> None:
    person = enter(desk, "viewer")

    person.client.post("/console/logout", data={"mark": mark_of(person.open("/"))})

    assert person.client.get("/console/").status_code == 303


def test_a_copy_of_a_cookie_opens_nothing_once_somebody_logged_out_and_others_stay(desk: Desk) -> None:
    person, other = enter(desk, "operator"), enter(desk, "operator")
    thief = make_client(desk)
    thief.cookies.set(COOKIE, person.client.cookies[COOKIE], path="/console")
    copied = mark_of(thief.get("/console/").text)

    person.client.post("/console/logout", data={"mark": copied})

    assert thief.get("/console/").headers["location"].startswith("/console/login")
    assert thief.post("/console/stop", data={"mark": copied, "reason": "mine"}).status_code == 303
    assert "Sending is on" in other.open("/")


def test_logouts_are_remembered_as_long_as_their_sessions_would_last(conn: Conn, desk: Desk) -> None:
    conn.execute(
        "INSERT INTO ige_console_logouts VALUES ('over', now() - interval '1 s'), ('not', now() + interval '1 h')"
    )

    person = enter(desk, "viewer")
    person.client.post("/console/logout", data={"mark": mark_of(person.open("/"))})

    left = [row["mark"] for row in conn.execute("SELECT mark FROM ige_console_logouts ORDER BY until").fetchall()]
    assert left[0] == "not"
    assert len(left) == 2


def test_a_logout_that_postgres_does_not_hear_of_says_so_and_ends_in_this_browser(desk: Desk) -> None:
    person = enter(desk, "viewer")
    away = Desk(desk.environment, desk.access, gone)
    client = make_client(away)
    client.cookies.set(COOKIE, person.client.cookies[COOKIE], path="/console")

    answer = client.post("/console/logout", data={"mark": mark_of(person.open("/"))})

    assert answer.status_code == 503
    assert "This browser is out" in answer.text
    assert 'ige_console=""' in answer.headers["set-cookie"]


def test_who_tries_many_tokens_waits_a_minute_and_who_has_one_does_not(desk: Desk) -> None:
    client = make_client(desk)

    said = [client.post("/console/login", data={"token": "x" * 30}).status_code for _ in range(11)]
    last = client.post("/console/login", data={"token": TOKENS["viewer"]})

    slower = client.post("/console/login", data={"token": "y" * 30})
    assert said == [401] * 10 + [429]
    assert (slower.status_code, 0 < int(slower.headers["retry-after"]) <= 60) == (429, True)
    assert last.status_code == 303, "nobody is locked out by somebody else's guesses"


def test_pages_take_no_thread_that_replies_could_want(conn: Conn, desk: Desk) -> None:
    person, taken = enter(desk, "viewer"), []

    def connection() -> AbstractContextManager[Conn]:
        shared = anyio.from_thread.run_sync(lambda: anyio.to_thread.current_default_thread_limiter().borrowed_tokens)
        taken.append((shared, counting.threads.borrowed_tokens))
        return nullcontext(conn)

    counting = Desk(desk.environment, desk.access, connection)
    client = make_client(counting)
    client.cookies.set(COOKIE, person.client.cookies[COOKIE], path="/console")

    assert client.get("/console/drafts").status_code == 200
    assert taken == [(0, 1)]


def test_the_proxy_says_who_it_is_and_their_forms_are_theirs(conn: Conn) -> None:
    behind = make_desk(conn, **PROXY)
    client = make_client(behind)

    assert client.get("/console/", headers=KNOWN | {"X-Ige-Console-Secret": "made-up"}).status_code == 303
    page = client.get("/console/", headers=KNOWN)
    assert page.status_code == 200
    assert "ada@example.com" in page.text
    assert mark_of(page.text) == mark_of(client.get("/console/", headers=KNOWN).text)
    # The cookie alone is not a login.
    assert client.get("/console/").status_code == 303


def test_every_answer_forbids_frames_foreign_content_and_keeping(desk: Desk) -> None:
    person = enter(desk, "viewer")

    for path in (
        "/console/",
        "/console/login",
        "/console/nowhere",
        "/console/messages/999999",
        "/console/messages?before=x",
    ):
        headers = person.client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"], path
        assert headers["x-frame-options"] == "DENY", path
        assert headers["cache-control"] == "no-store", path


def test_what_is_shipped_may_be_kept_and_pages_name_nothing_of_elsewhere(desk: Desk) -> None:
    person = enter(desk, "viewer")
    page = person.open("/")

    style = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = person.client.get(style)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    bare = style.partition("?")[0]
    for other in (bare, f"{bare}?v=0", f"{style}&v=0", f"{bare}?v="):
        assert person.client.get(other).headers["cache-control"] == "no-cache", other
    assert "http://" not in page.replace("http://127.0.0.1", "")
    assert "https://" not in page
    assert " style=" not in page
    assert " onclick=" not in page
    assert "<script>" not in page


def test_a_proxy_may_know_us_by_another_name(desk: Desk) -> None:
    said = {"Origin": "https://console.example.com", "Sec-Fetch-Site": "same-origin", "Host": "ige-serve:8000"}

    assert make_client(desk).post("/console/login", data={"token": TOKENS["viewer"]}, headers=said).status_code == 303


def test_a_form_from_another_site_is_refused(desk: Desk) -> None:
    client: TestClient = make_client(desk)

    answer = client.post("/console/login", data={"token": TOKENS["viewer"]}, headers={"Origin": "https://evil.example"})

    assert answer.status_code == 401
