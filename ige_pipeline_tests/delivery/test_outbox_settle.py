"""Settling: each outcome writes what it says, once, and only for the run that holds the lease."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from ige_pipeline.delivery.outcome import (
    Ambiguous,
    Cancelled,
    Dead,
    Delivered,
    EndpointFault,
    Outcome,
    Postponed,
    Retry,
)
from ige_pipeline.delivery.reply import Answered, Broken, Lost, Refused, Unreached
from ige_pipeline.delivery.settlement import Sent
from ige_pipeline.postgres.connection import Connection
from ige_pipeline_tests.delivery.fakes import NOON
from ige_pipeline_tests.delivery.outboxes import (
    SENT,
    attempts,
    claimed,
    lease_token,
    message,
    outbox_on,
    settle,
    two_outboxes,
    waiting,
)

MINUTE = timedelta(minutes=1)
GAP = {"reason": "gap", "observed": 3.0, "limit": 48}
QUIET = {"reason": "quiet_hours", "observed": None, "limit": "08:00-21:00"}
OUTCOMES: list[tuple[Outcome, Sent | None]] = [
    (Delivered(), SENT),
    (Retry(MINUTE, "http_500"), Sent(NOON, 5, Answered(500, body="oh no"))),
    (Retry(MINUTE, "http_429", spends_attempt=False), Sent(NOON, 5, Answered(429))),
    (Ambiguous(MINUTE, "ReadTimeout"), Sent(NOON, 5, Lost("ReadTimeout"))),
    (EndpointFault("dns_error"), Sent(NOON, 5, Broken("dns_error"))),
    (Dead("http_400"), Sent(NOON, 5, Answered(400))),
    (Dead("no_phone"), None),
    (Postponed((GAP,)), None),
    (Cancelled(({"reason": "low_trust", "observed": 3, "limit": 20},)), None),
]
EACH_OUTCOME = pytest.mark.parametrize(("outcome", "sent"), OUTCOMES, ids=lambda value: str(value)[:40])


@EACH_OUTCOME
def test_a_stale_token_writes_nothing_to_the_row_and_keeps_what_happened(
    conn: Connection, database_url: str, outcome: Outcome, sent: Sent | None
) -> None:
    message_id = waiting(conn)

    with outbox_on(database_url) as outbox:
        lease = claimed(outbox)
        before = message(conn, message_id)

        assert not settle(outbox, replace(lease, token=uuid4()), outcome, sent)

    assert message(conn, message_id) == before
    assert [each["outcome"] for each in attempts(conn, message_id)] == [type(outcome).__name__]


@EACH_OUTCOME
def test_a_settled_row_holds_no_lease_and_is_not_settled_again(
    conn: Connection, database_url: str, outcome: Outcome, sent: Sent | None
) -> None:
    message_id = waiting(conn)

    with outbox_on(database_url) as outbox:
        lease = claimed(outbox)

        assert settle(outbox, lease, outcome, sent)
        settled = message(conn, message_id)
        assert lease_token(conn, message_id) is None
        assert not settle(outbox, lease, Dead("again"), None)

    assert message(conn, message_id) == settled


@EACH_OUTCOME
def test_an_attempt_is_given_back_by_every_end_without_a_post_and_by_a_rate_limit(
    conn: Connection, database_url: str, outcome: Outcome, sent: Sent | None
) -> None:
    message_id = waiting(conn)

    with outbox_on(database_url) as outbox:
        settle(outbox, claimed(outbox), outcome, sent)

    spends = not isinstance(outcome, Postponed | Cancelled | EndpointFault) and getattr(outcome, "spends_attempt", True)
    assert message(conn, message_id)["attempts"] == int(spends and sent is not None)


def test_the_database_says_when_a_message_was_sent(conn: Connection, database_url: str) -> None:
    message_id = waiting(conn)

    with outbox_on(database_url) as outbox:
        settle(outbox, claimed(outbox), Delivered(), replace(SENT, at=datetime(2031, 1, 1, tzinfo=UTC)))

    row = conn.execute("SELECT now()::timestamp - sent_at AS age FROM ai_proactive_messages").fetchone() or {}
    assert timedelta(0) <= row["age"] < timedelta(seconds=10)
    assert attempts(conn, message_id)[0]["posted_at"] == datetime(2031, 1, 1, tzinfo=UTC)


def test_the_old_programs_own_update_after_ours_still_works(conn: Connection, database_url: str) -> None:
    message_id = waiting(conn)
    with outbox_on(database_url) as outbox:
        settle(outbox, claimed(outbox), Delivered(), SENT)

    conn.execute(
        "UPDATE ai_proactive_messages SET sent_at = NOW(), updated_at = NOW(), contractor_response = 'Thanks', "
        "response_received_at = NOW() WHERE id = %s",
        [message_id],
    )

    assert message(conn, message_id)["contractor_response"] == "Thanks"


def test_when_the_old_program_marks_a_leased_row_as_sent_we_do_not_mark_it_again(
    conn: Connection, database_url: str
) -> None:
    message_id = waiting(conn)

    with outbox_on(database_url) as outbox:
        lease = claimed(outbox)
        conn.execute("UPDATE ai_proactive_messages SET sent_at = NOW() - interval '1 minute'")
        theirs = message(conn, message_id)["sent_at"]

        assert outbox.may_post([lease]).leased == frozenset()
        assert not settle(outbox, lease, Delivered(), SENT)

    assert message(conn, message_id)["sent_at"] == theirs


@pytest.mark.parametrize(
    ("outcome", "wait"),
    [
        (Retry(timedelta(minutes=5), "http_503"), timedelta(minutes=5)),
        (Ambiguous(timedelta(minutes=5), "ReadTimeout"), timedelta(minutes=5)),
        (Postponed((GAP,)), timedelta(minutes=15)),
        (EndpointFault("http_404"), timedelta(0)),
    ],
)
def test_the_database_adds_the_delay_to_its_own_clock(
    conn: Connection, database_url: str, outcome: Outcome, wait: timedelta
) -> None:
    message_id = waiting(conn)

    with outbox_on(database_url) as outbox:
        settle(outbox, claimed(outbox), outcome, None)

    due = message(conn, message_id)["next_attempt_at"] - datetime.now(UTC)
    assert abs(due - wait) < timedelta(seconds=10)
    assert attempts(conn, message_id)[0]["next_attempt_at"] == message(conn, message_id)["next_attempt_at"]


def test_a_postponement_until_a_moment_is_due_at_that_moment(conn: Connection, database_url: str) -> None:
    message_id = waiting(conn)
    morning = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=9)

    with outbox_on(database_url) as outbox:
        settle(outbox, claimed(outbox), Postponed((QUIET,), until=morning), None)

    assert message(conn, message_id)["next_attempt_at"] == morning


def test_equal_postponements_are_one_row_with_a_count_and_others_are_not(conn: Connection, database_url: str) -> None:
    message_id = waiting(conn)
    again = Postponed((GAP | {"observed": 3.1},), delay=timedelta(0))
    turns: list[tuple[Outcome, Sent | None]] = [
        (replace(again, reasons=(GAP,)), None),
        (again, None),
        (again, None),
        (replace(again, reasons=(GAP, QUIET)), None),
        (replace(again, reasons=(QUIET, GAP)), None),
        (Retry(timedelta(0), "http_500"), Sent(NOON, 5, Answered(500))),
        (again, None),
    ]

    with outbox_on(database_url) as outbox:
        for outcome, sent in turns:
            settle(outbox, claimed(outbox), outcome, sent)

    recorded = [(each["outcome"], len(each["reasons"]), each["repeats"]) for each in attempts(conn, message_id)]
    assert recorded == [("Postponed", 1, 3), ("Postponed", 2, 2), ("Retry", 1, 1), ("Postponed", 1, 1)]


@pytest.mark.parametrize(
    ("sent", "recorded"),
    [
        (SENT, {"status_code": 200, "error_class": None, "posted": True}),
        (Sent(NOON, 5, Answered(500, body="oh")), {"status_code": 500, "error_class": None, "posted": True}),
        (Sent(NOON, 5, Lost("ReadTimeout")), {"status_code": None, "error_class": "ReadTimeout", "posted": True}),
        (
            Sent(NOON, 5, Unreached("ConnectError")),
            {"status_code": None, "error_class": "ConnectError", "posted": False},
        ),
        (Sent(NOON, 5, Broken("dns_error")), {"status_code": None, "error_class": "dns_error", "posted": False}),
        (None, {"status_code": None, "error_class": None, "posted": False}),
    ],
)
def test_an_attempt_says_what_came_back_and_whether_anything_left(
    conn: Connection, database_url: str, sent: Sent | None, recorded: dict[str, Any]
) -> None:
    message_id = waiting(conn)

    with outbox_on(database_url, run_id="run-7") as outbox:
        settle(outbox, claimed(outbox), Retry(MINUTE, "whatever"), sent)

    (attempt,) = attempts(conn, message_id)
    seen = {"status_code": attempt["status_code"], "error_class": attempt["error_class"]}
    assert seen | {"posted": attempt["posted_at"] is not None} == recorded
    assert (attempt["run_id"], attempt["attempt"]) == ("run-7", 1)


def test_earlier_rate_limits_are_counted_so_that_the_wait_can_double(conn: Connection, database_url: str) -> None:
    waiting(conn)
    limited = Retry(timedelta(0), "http_429", spends_attempt=False)

    with outbox_on(database_url) as outbox:
        met = []
        for _ in range(3):
            lease = claimed(outbox)
            met.append((lease.attempt, lease.rate_limited))
            settle(outbox, lease, limited, Sent(NOON, 5, Answered(429)))

    assert met == [(1, 0), (1, 1), (1, 2)]


@pytest.mark.parametrize(
    ("reason", "sent", "spent"),
    [
        ("http_400", Sent(NOON, 5, Answered(400)), 1),
        ("no_phone", None, 0),
        ("empty_text", None, 0),
        ("payload_too_large", Sent(NOON, 0, Refused("payload_too_large")), 0),
        ("no_e164", Sent(NOON, 0, Refused("no_e164")), 0),
    ],
)
def test_what_dies_without_having_been_posted_keeps_its_attempt(
    conn: Connection, database_url: str, reason: str, sent: Sent | None, *, spent: int
) -> None:
    message_id = waiting(conn)

    with outbox_on(database_url) as outbox:
        settle(outbox, claimed(outbox), Dead(reason), sent)

    row = message(conn, message_id)
    assert (row["dead_reason"], row["attempts"]) == (reason, spent)


@pytest.mark.parametrize("again", ["nobody", "another run"])
def test_what_was_accepted_is_sent_although_its_lease_was_taken_from_us_unless_another_run_has_it(
    conn: Connection, database_url: str, again: str
) -> None:
    message_id = waiting(conn)

    with two_outboxes(database_url) as (one, two):
        lease = claimed(one)
        conn.execute("UPDATE ai_proactive_messages SET lease_expires_at = now()")
        two.recover()
        if again == "another run":
            claimed(two)
        settled = settle(one, lease, Delivered(), SENT)

    assert settled is (again == "nobody")
    assert (message(conn, message_id)["sent_at"] is not None) is settled


def test_what_was_taken_from_us_is_put_off_by_nobody(conn: Connection, database_url: str) -> None:
    waiting(conn)

    with two_outboxes(database_url) as (one, two):
        lease = claimed(one)
        conn.execute("UPDATE ai_proactive_messages SET lease_expires_at = now()")
        two.recover()

        assert not settle(one, lease, Dead("http_400"), None)
