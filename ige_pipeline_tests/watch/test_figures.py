"""The figures that the checks judge, as Postgres counts them."""

from collections.abc import Iterator

import pytest

from ige_pipeline.delivery.outbox import note_success
from ige_pipeline.delivery.switches import set_stop
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.settings import Settings
from ige_pipeline.watch.figures import BatchFigures, Figures, read
from ige_pipeline_tests.delivery.outboxes import waiting
from ige_pipeline_tests.factories import ago, insert, make_batch
from ige_pipeline_tests.inbound.letters import reply, waiting_for_answer


@pytest.fixture
def conn(shared_conn: Connection) -> Iterator[Connection]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


def attempt(conn: Connection, message_id: int, outcome: str, **over: object) -> None:
    row = {
        "message_id": message_id,
        "run_id": "run",
        "attempt": 1,
        "lease_token": "7c9f4f2e-0000-4000-8000-000000000000",
        "claimed_at": ago(minutes=5),
        "posted_at": ago(minutes=5),
        "ended_at": ago(minutes=5),
        "outcome": outcome,
    }
    insert(conn, "ige_delivery_attempts", row | over)


def test_on_an_empty_database_there_is_nothing_to_see(conn: Connection) -> None:
    seen = read(conn)

    assert seen == Figures(asked_at=seen.asked_at)


@pytest.mark.parametrize("kept_by", ["nothing", "stop", "a rate limit", "failures"])
def test_a_message_is_due_from_when_it_could_leave_first_whatever_keeps_it(conn: Connection, kept_by: str) -> None:
    later = {"next_attempt_at": ago(minutes=-10), "last_error": "http_429"}
    kept = waiting(conn, not_before=ago(minutes=90), created_at=ago(hours=5), **(later if "a" in kept_by else {}))
    if kept_by == "stop":
        set_stop(conn, on=True, reason="a test", who="test")
    if kept_by == "a rate limit":
        attempt(conn, kept, "Retry", status_code=429, next_attempt_at=ago(minutes=-10))
    if kept_by == "failures":
        attempt(conn, kept, "Retry", status_code=503, next_attempt_at=ago(minutes=-10))

    seen = read(conn)

    assert (seen.due, round(seen.oldest_due_minutes)) == (1, 90)


@pytest.mark.parametrize(
    ("told", "counts"),
    [
        ({"expired_at": ago(minutes=1)}, 1),
        ({"cancelled_at": ago(minutes=1), "cancel_reason": "confirmation_over"}, 1),
        ({"cancelled_at": ago(minutes=1), "cancel_reason": "suppressed"}, 0),
        ({}, 1),
        ({"expires_at": ago(hours=-9)}, 0),
        ({"expires_at": ago(hours=25), "expired_at": ago(hours=25)}, 0),
    ],
)
@pytest.mark.parametrize("lifted", [False, True])
def test_an_opt_out_that_holds_and_was_not_confirmed_in_time_is_counted(
    conn: Connection, told: dict[str, object], counts: int, *, lifted: bool
) -> None:
    ours = Settings(opt_out_confirmation="ours", sender_name="Acme")
    waiting_for_answer(conn)
    reply(conn, "STOP", settings=ours)
    changes = {"expires_at": ago(minutes=1), **told}
    columns = ", ".join(f"{name} = %({name})s" for name in changes)
    conn.execute(f"UPDATE ai_proactive_messages SET {columns} WHERE confirms_opt_out IS NOT NULL", changes)  # noqa: S608
    if lifted:
        reply(conn, "START", settings=ours)

    assert read(conn).unconfirmed == (0 if lifted else counts)


def test_what_a_safeguard_put_off_is_due_again_when_that_is_over(conn: Connection) -> None:
    night, morning = (
        waiting(conn, created_at=ago(hours=9), next_attempt_at=at) for at in (ago(hours=-1), ago(hours=1))
    )
    attempt(conn, night, "Postponed", posted_at=None, next_attempt_at=ago(hours=-1))
    attempt(conn, morning, "Postponed", posted_at=None, next_attempt_at=ago(hours=1))

    seen = read(conn)

    assert (seen.due, round(seen.oldest_due_minutes)) == (1, 60)


def test_of_the_last_hours_posts_those_failed_that_were_neither_accepted_nor_told_to_wait(conn: Connection) -> None:
    message = waiting(conn)
    for outcome, status in [("Delivered", 200), ("Retry", 429), ("Retry", 503), ("Dead", 400), ("EndpointFault", 404)]:
        attempt(conn, message, outcome, status_code=status)
    attempt(conn, message, "Postponed", posted_at=None)
    attempt(conn, message, "Dead", ended_at=ago(minutes=61))

    seen = read(conn)

    assert (seen.posted, seen.failed) == (5, 3)


def test_delivery_is_silent_since_its_last_success_or_what_it_delivered_since_or_the_end_of_a_stop(
    conn: Connection,
) -> None:
    note_success(conn, run_id="run")
    conn.execute("UPDATE ige_last_success SET at = now() - interval '50 minutes'")
    silent = [read(conn).delivery_silent_minutes]
    attempt(conn, waiting(conn), "Delivered", ended_at=ago(minutes=30))
    attempt(conn, waiting(conn), "Retry", ended_at=ago(minutes=2))
    silent.append(read(conn).delivery_silent_minutes)
    set_stop(conn, on=True, reason="a test", who="test")
    stopped = read(conn).stopped
    set_stop(conn, on=False, reason=None, who="test")
    conn.execute("UPDATE ige_switches SET changed_at = now() - interval '20 minutes' WHERE name = 'stop'")
    silent.append(read(conn).delivery_silent_minutes)

    assert silent == pytest.approx([50, 30, 20], abs=0.5)
    assert stopped
    assert not read(conn).stopped


def test_scheduling_is_silent_since_the_last_whole_batch_that_came_to_its_end(conn: Connection) -> None:
    whole = ["high_priority_goal", "follow_up_due"]
    made = [make_batch(conn, triggers=whole) for _ in range(2)]
    made += [make_batch(conn, triggers=["follow_up_due"]), make_batch(conn, triggers=whole, dry_run=True)]
    conn.execute("UPDATE ige_batches SET opened_at = now() - interval '5 hours'")
    none_ended = read(conn).scheduling_silent_minutes
    for batch, minutes in zip(made, (200, None, 3, 2), strict=True):
        ended = None if minutes is None else ago(minutes=minutes)
        conn.execute("UPDATE ige_batches SET closed_at = %s WHERE id = %s", [ended, batch.id])

    assert (none_ended, read(conn).scheduling_silent_minutes) == pytest.approx((300, 200), abs=0.5)


def test_where_no_run_ever_succeeded_silence_counts_from_the_first_batch_or_the_first_migration(
    conn: Connection,
) -> None:
    conn.execute(
        "INSERT INTO ige_switches (name, value, changed_by, changed_at) "
        "VALUES ('home', '{}', 'test', now() - interval '200 minutes')"
    )
    migrated = read(conn)
    make_batch(conn, triggers=["high_priority_goal"])
    conn.execute("UPDATE ige_batches SET opened_at = now() - interval '300 minutes'")
    begun = read(conn)

    for seen, minutes in ((migrated, 200), (begun, 300)):
        assert (seen.never_delivered, seen.never_scheduled) == (True, True)
        assert (seen.delivery_silent_minutes, seen.scheduling_silent_minutes) == pytest.approx((minutes,) * 2, abs=0.5)


def test_arrivals_and_what_is_unsent_are_counted_for_the_pace(conn: Connection) -> None:
    for _ in range(48):
        waiting(conn)

    seen = read(conn)

    assert (seen.unsent, seen.arrivals_per_hour) == (48, 2.0)


def test_whole_batches_are_compared_and_neither_dry_runs_nor_those_of_promised_triggers(conn: Connection) -> None:
    whole = ["high_priority_goal", "follow_up_due"]
    made = [
        make_batch(conn, triggers=whole),
        make_batch(conn, triggers=whole),
        make_batch(conn, triggers=["follow_up_due", "event_message_due"]),
        make_batch(conn, triggers=whole, dry_run=True),
    ]
    for batch in made:
        counts = '{"blocked": 2, "scheduled": 3}'
        conn.execute("UPDATE ige_batches SET closed_at = now(), counts = %s WHERE id = %s", [counts, batch.id])
    make_batch(conn, triggers=whole)

    assert read(conn).batches == tuple(BatchFigures(batch.id, 5, 2) for batch in reversed(made[:2]))
