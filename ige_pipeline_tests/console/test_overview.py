"""The first page, and the figures of each day."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg.types.json import Jsonb

from ige_pipeline.console import figures
from ige_pipeline.console.desk import Desk
from ige_pipeline.delivery.alert import raise_alert
from ige_pipeline.delivery.switches import set_stop
from ige_pipeline_tests.console.desks import Person, enter, make_desk
from ige_pipeline_tests.factories import (
    Conn,
    ago,
    make_batch,
    make_contractor,
    make_decision,
    make_goal,
    make_message,
    make_sent_message,
    make_trust,
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
