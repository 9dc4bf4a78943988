"""The first page, and the figures of each day."""

import re
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import pytest
from psycopg.types.json import Jsonb
from psycopg_pool import PoolTimeout

from ige_pipeline.console import figures
from ige_pipeline.console.desk import CHANGE_WITHIN_MS, Desk
from ige_pipeline.delivery.alert import raise_alert
from ige_pipeline.delivery.switches import set_stop
from ige_pipeline_tests.console.desks import Person, enter, make_desk
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
    one,
)


def test_the_figures_of_past_days_are_counted_once_and_todays_again(conn: Conn) -> None:
    ada, bob = make_contractor(conn), make_contractor(conn)
    make_trust(conn, ada, 40, recorded_at=ago(days=20))
    make_trust(conn, ada, 60, recorded_at=ago(days=3))
    make_trust(conn, bob, 80, recorded_at=ago(days=20))
    make_goal(conn, ada, created_at=ago(days=5))
    make_goal(conn, ada, created_at=ago(days=20))
    make_goal(conn, ada, created_at=ago(days=20), status="completed", completed_at=ago(days=2))
    make_sent_message(conn, ada, sent_at=ago(days=10), led_to_action=True)
    make_sent_message(conn, ada, sent_at=ago(days=3))
    make_message(conn, bob, sent_at=ago(days=2))

    assert figures.count(conn)
    found = {each.name: each for each in figures.figures(conn)}

    assert (found["Trust"].now, found["Trust"].change) == (70, 10)
    assert (found["Active goals"].now, found["Active goals"].change) == (2, 0)
    assert (found["Response rate"].now, found["Response rate"].before) == (0.5, 1)
    assert (found["Action rate"].now, found["Action rate"].before) == (0, 1)

    make_trust(conn, bob, 20, recorded_at=ago(minutes=1))
    figures.count(conn)

    assert figures.figures(conn)[0].now == 40
    assert figures.figures(conn)[0].before == 60


def test_without_rows_nothing_is_claimed(conn: Conn, viewer: Person) -> None:
    figures.count(conn)

    assert [(each.now, each.change) for each in figures.figures(conn)] == [
        (None, None),
        (0, 0),
        (None, None),
        (None, None),
    ]
    assert "Nothing has happened yet." in viewer.open("/")


def test_what_needs_a_person_is_said(conn: Conn, viewer: Person) -> None:
    ada = make_contractor(conn)
    make_message(conn, ada, dead_at=ago(hours=1), dead_reason="http_400")
    make_message(conn, ada, trigger_name="stalled_goal", created_at=ago(hours=3))
    batch = make_batch(conn)
    conn.execute("""UPDATE ige_batches SET counts = '{"held": 70}' WHERE id = %s""", [batch.id])
    reached = Jsonb([{"reason": "blast_radius", "observed": "70 contractors", "limit": "50"}])
    make_decision(conn, batch, ada, verdict="held", decided_at=ago(minutes=1), reasons=reached)
    raise_alert(conn, kind="circuit_open", about="n8n:443", sentence="n8n:443 answered http_404.")

    page = viewer.open("/")

    for said in (
        "1 message died",
        "1 batch held",
        "answered http_404",
        "No batch has ended ever",
        "is delivery running?",
    ):
        assert said in page


def test_the_stream_tells_attempts_batches_and_what_people_did_without_a_text(conn: Conn, viewer: Person) -> None:
    make_batch(conn)
    set_stop(conn, on=False, reason=None, who="console (ada)")

    page = viewer.open("/activity")

    assert "Batch" in page
    assert "console (ada)" in page
    assert "<html" not in page


def test_every_page_says_that_sending_is_stopped_and_who_may_starts_it(
    conn: Conn, viewer: Person, operator: Person
) -> None:
    set_stop(conn, on=True, reason="wrong <b>template</b>", who="console (ada)")

    assert "All sending is stopped." in viewer.open("/messages")
    assert "wrong &lt;b&gt;template&lt;/b&gt;" in viewer.open("/")
    assert "Start sending" not in viewer.open("/")
    assert "Start sending" in operator.open("/")


@pytest.mark.parametrize("path", ["/", "/figures", "/triggers"])
def test_a_page_takes_one_connection_so_that_pages_never_wait_for_one_another(conn: Conn, path: str) -> None:
    taken: list[str] = []

    @contextmanager
    def only_one() -> Iterator[Conn]:
        taken.append("taken")
        assert len(taken) == 1
        yield conn
        taken.pop()

    known = make_desk(conn)
    desk = Desk(known.environment, known.access, only_one, beside=lambda _: None)

    enter(desk, "viewer").open(path)

    assert taken == []


def test_a_week_ago_is_a_week_ago_also_after_nobody_looked_for_long(conn: Conn) -> None:
    ada = make_contractor(conn)
    make_sent_message(conn, ada, sent_at=ago(days=17), led_to_action=True)
    make_sent_message(conn, ada, sent_at=ago(days=12))
    make_sent_message(conn, ada, sent_at=ago(days=10), led_to_action=True)
    figures.count(conn)
    untouched = figures.figures(conn)
    conn.execute("DELETE FROM ige_figures WHERE day > (now() AT TIME ZONE 'UTC')::date - 15")
    conn.execute("UPDATE ige_figures SET acted = 0")

    assert figures.figures(conn) == []
    figures.count(conn)

    assert [(each.name, each.before, each.days) for each in figures.figures(conn)] == [
        (each.name, each.before, each.days) for each in untouched
    ]
    assert untouched[3].before == 0.5

    conn.execute("DELETE FROM ige_figures WHERE day = (now() AT TIME ZONE 'UTC')::date - 7")
    assert (len(figures.figures(conn)[0].days), figures.figures(conn)[1].before) == (figures.DAYS, None)


def test_every_number_of_the_overview_is_what_it_says(conn: Conn, viewer: Person) -> None:
    ada, shown = make_contractor(conn), {}
    for number, outcome in enumerate(("Delivered",) * 4 + ("Dead",) * 3 + ("Retry",) * 2 + ("Cancelled",), start=1):
        times = {"claimed_at": ago(minutes=9), "posted_at": ago(minutes=8), "ended_at": ago(minutes=7)}
        attempt = {"message_id": make_sent_message(conn, ada), "run_id": "r", "attempt": number, "outcome": outcome}
        insert(conn, "ige_delivery_attempts", attempt | times | {"lease_token": "0" * 32})
    batch, preview = make_batch(conn), make_batch(conn, dry_run=True)
    counts = Jsonb({"blocked": 20, "postponed": 100, "rejected": 100, "scheduled": 7})
    conn.execute("UPDATE ige_batches SET counts = %s WHERE id = ANY(%s)", [counts, [batch.id, preview.id]])
    spent = "INSERT INTO ige_model_spend (day, batch_id, taken_usd) VALUES (timezone('UTC', now())::date - %s, %s, %s)"
    for days, cost in ((0, 1.25), (6, 2.5), (7, 40)):
        conn.execute(spent, [days, batch.id, cost])
    make_message(conn, ada, trigger_name="stalled_goal", created_at=ago(hours=9), not_before=ago(hours=5))
    make_message(conn, ada, created_at=ago(hours=20))
    adoption = "UPDATE ige_switches SET value = %s WHERE name = 'adoption'"
    conn.execute(adoption, [Jsonb({"state": "pending"})])

    page = viewer.open("/")
    for kind in ("sent", "blocked", "failed"):
        shown[kind] = re.findall(rf"</span>{kind} <strong>([0-9,]+)</strong>", page)

    assert shown == {"sent": ["4"], "blocked": ["21"], "failed": ["3"]}
    assert "<strong>$1.25</strong>" in page
    assert "$3.75 in 7 days" in page
    assert "<strong>5 h ago</strong>" in page, "what another program wrote is not due before it is adopted"
    conn.execute(adoption, [Jsonb({"state": "done"})])
    assert "<strong>20 h ago</strong>" in viewer.open("/")


def test_no_statement_of_a_page_takes_longer_than_its_page_may(conn: Conn, desk: Desk) -> None:
    limits = []
    for within in ({}, {"within_ms": CHANGE_WITHIN_MS}):
        with desk.connect(**within) as own:
            limits.append(one(own.execute("SHOW statement_timeout"))["statement_timeout"])

    assert limits == ["10s", "1min"]
    assert one(conn.execute("SHOW statement_timeout"))["statement_timeout"] == "0"


def test_what_was_done_is_said_only_while_it_is_so(operator: Person) -> None:
    said = operator.send("/stop", reason="x").headers["location"].removeprefix("/console")
    assert '<p class="done"' in operator.open(said)

    operator.send("/start")

    assert '<p class="done"' not in operator.open(said)
    assert '<p class="done"' not in operator.open("/dead?done=redriven&sent=%7B0%7D")


def test_what_stands_now_is_asked_for_again_and_the_bar_and_the_calls_only_when_they_changed(
    conn: Conn, desk: Desk
) -> None:
    person = enter(desk, "operator")
    seen = "/now?seen=" + person.open("/").partition("/now?seen=")[2].partition('"')[0]
    same = person.open(seen)
    make_message(conn, make_contractor(conn), priority=50)
    other_outbox = person.open(seen)
    raise_alert(conn, kind="check", about="pace", sentence="Something is wrong.")
    set_stop(conn, on=True, reason="wrong template", who="console (ada)")

    now = person.open(seen)

    assert "hx-swap-oob" not in same + other_outbox
    assert "<strong>1</strong> unsent" in other_outbox
    assert "Something is wrong." in now
    assert "All sending is stopped." in now
    assert now.count("hx-swap-oob") == 2


@pytest.mark.parametrize("page", ["/", "/activity", "/now", "/messages"])
def test_postgres_that_hangs_or_is_gone_is_told_in_time_and_without_its_words(desk: Desk, page: str) -> None:
    hangs = threading.Event()

    @contextmanager
    def hanging() -> Iterator[Conn]:
        hangs.wait(60)
        raise PoolTimeout
        yield

    def gone() -> AbstractContextManager[Conn]:
        raise PoolTimeout("couldn't get a connection after 5.00 sec")

    try:
        for away in (hanging, gone):
            person = enter(replace(desk, open_connection=away, read_within_ms=50, patience_s=0.1), "viewer")
            told = person.open(page, status=503)
            assert "Postgres does not answer" in told
            assert "couldn" not in told
            assert "Timeout" not in told
    finally:
        hangs.set()
