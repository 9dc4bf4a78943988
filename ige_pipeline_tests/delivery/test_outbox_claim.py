"""Claiming: in which order, by whom, and what happens to the rows of a run that dies."""

import threading
from typing import Any

import pytest

from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.outcome import Delivered, EndpointFault
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline_tests.delivery.fakes import awake, in_minutes
from ige_pipeline_tests.delivery.outboxes import (
    SENT,
    claim,
    claim_all,
    claimed,
    claimed_in_a_while,
    lease_token,
    message,
    outbox_on,
    settle,
    two_outboxes,
    waiting,
)
from ige_pipeline_tests.factories import ago, insert, make_contractor, make_message


def test_the_most_important_goes_first_then_the_oldest_then_the_first(conn: Connection, database_url: str) -> None:
    late = waiting(conn, priority=50, created_at=ago(minutes=1))
    early = waiting(conn, priority=50, created_at=ago(minutes=9))
    important = waiting(conn, priority=80, created_at=ago(minutes=1))
    twin_of_important = waiting(conn, priority=80, created_at=message(conn, important)["created_at"])

    with outbox_on(database_url) as outbox:
        assert claim_all(outbox) == [important, twin_of_important, early, late]


def test_a_claim_leases_the_row_spends_an_attempt_and_tells_who_it_goes_to(conn: Connection, database_url: str) -> None:
    contractor = make_contractor(conn, first_name="Ada", last_name="Lovelace", phone="+12125550123")
    waiting_id = make_message(conn, contractor, message_content="Hello there", source_message_type="reminder")
    conn.execute("UPDATE ai_proactive_messages SET idempotency_key = NULL")

    with outbox_on(database_url) as outbox:
        lease = claimed(outbox)

        row = message(conn, waiting_id)
        assert (lease.contractor_name, lease.phone, lease.message) == ("Ada Lovelace", "+12125550123", "Hello there")
        assert (lease.attempt, row["attempts"]) == (1, 1)
        assert lease.token == row["lease_token"]
        assert lease.idempotency_key == row["idempotency_key"]
        assert lease.promised
        assert (row["lease_expires_at"] - lease.claimed_at).total_seconds() == 60


@pytest.mark.parametrize(
    "over",
    [
        pytest.param({"sent_at": ago(hours=2), "attempts": 1}, id="sent"),
        pytest.param({"dead_at": ago(hours=1), "dead_reason": "http_400"}, id="dead"),
        pytest.param({"cancelled_at": ago(hours=1), "cancel_reason": "opted_out"}, id="cancelled"),
        pytest.param({"expired_at": ago(hours=1)}, id="expired"),
        pytest.param({"not_before": in_minutes(600)}, id="not before ten hours from now"),
        pytest.param({"next_attempt_at": in_minutes(600)}, id="backed off"),
        pytest.param({"expires_at": ago(seconds=1)}, id="stale and not yet ended"),
        pytest.param({"created_at": ago(hours=25)}, id="older than a day"),
        pytest.param({"created_at": None, "updated_at": None}, id="nobody knows how old"),
    ],
)
def test_what_is_not_due_is_not_claimed(conn: Connection, database_url: str, over: dict[str, Any]) -> None:
    waiting(conn, **over)

    with outbox_on(database_url) as outbox:
        assert claim(outbox) is None


@pytest.mark.parametrize(
    ("accepted_minutes_ago", "suspect"),
    [
        pytest.param(1, True, id="others are being accepted"),
        pytest.param(6, False, id="nobody has been accepted for a while: it may be down again"),
        pytest.param(40, False, id="nobody since"),
    ],
)
def test_a_message_is_suspected_only_while_others_are_accepted(
    conn: Connection,
    database_url: str,
    accepted_minutes_ago: int,
    suspect: bool,  # noqa: FBT001 - drawn from the table
) -> None:
    row = {
        "message_id": waiting(conn),
        "run_id": "an earlier one",
        "attempt": 1,
        "lease_token": "00000000-0000-0000-0000-000000000001",
        "claimed_at": ago(minutes=30),
        "ended_at": ago(minutes=30),
        "outcome": "EndpointFault",
    }
    insert(conn, "ige_delivery_attempts", row)
    accepted = ago(minutes=accepted_minutes_ago)
    conn.execute("INSERT INTO ige_circuits (endpoint, accepted_at) VALUES ('host:1', %s)", [accepted])

    with outbox_on(database_url) as outbox:
        assert claimed(outbox).suspect is suspect


@pytest.mark.parametrize("first_is_settled", [False, True])
def test_nobody_has_two_messages_leased(conn: Connection, database_url: str, *, first_is_settled: bool) -> None:
    contractor = make_contractor(conn)
    first, second = make_message(conn, contractor), make_message(conn, contractor)

    with two_outboxes(database_url) as (one, two):
        lease = claimed(one)
        if first_is_settled:
            settle(one, lease, Delivered(), SENT)
        other = claim(two)

    assert lease.message_id == first
    assert (other and other.message_id) == (second if first_is_settled else None)


def test_runs_that_pick_two_messages_to_one_person_at_the_same_moment_both_go_on(
    conn: Connection, database_url: str
) -> None:
    contractor = make_contractor(conn)
    first, _second = make_message(conn, contractor), make_message(conn, contractor)
    third = make_message(conn, make_contractor(conn))

    with outbox_on(database_url) as outbox, connect(database_url) as rival:
        with rival.transaction():
            rival.execute(
                "UPDATE ai_proactive_messages SET lease_owner = 1, lease_token = gen_random_uuid(), "
                "lease_expires_at = now() + interval '1 minute' WHERE id = %s",
                [first],
            )
            found: list[Lease | None] = []
            claiming = threading.Thread(target=lambda: found.append(claim(outbox)))
            claiming.start()
            claiming.join(0.3)
            assert claiming.is_alive(), "It waits for the rival's transaction and does not see its lease yet."
        claiming.join()

    assert found[0] is not None
    assert found[0].message_id == third


def test_a_row_that_another_run_holds_locked_is_stepped_over(conn: Connection, database_url: str) -> None:
    locked, free = waiting(conn, priority=90), waiting(conn, priority=10)

    with outbox_on(database_url) as outbox, connect(database_url) as rival, rival.transaction():
        rival.execute("SELECT FROM ai_proactive_messages WHERE id = %s FOR UPDATE", [locked])

        assert claimed(outbox).message_id == free


def test_four_runs_at_once_deliver_each_message_once(conn: Connection, database_url: str) -> None:
    contractors = [make_contractor(conn, timezone=awake()) for _ in range(8)]
    expected = sorted(make_message(conn, contractor) for contractor in contractors for _ in range(5))
    orders: list[list[int]] = []

    def work() -> None:
        with outbox_on(database_url) as outbox:
            orders.append(claim_all(outbox))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with outbox_on(database_url) as outbox:
        orders.append(claim_all(outbox))

    assert sorted(message_id for order in orders for message_id in order) == expected


def test_the_rows_of_a_run_are_free_the_moment_its_connection_dies(conn: Connection, database_url: str) -> None:
    message_id = waiting(conn)
    with outbox_on(database_url) as doomed:
        dead = claimed(doomed)
        conn.execute(
            "SELECT pg_terminate_backend(l.pid, 5000) FROM pg_locks l JOIN ai_proactive_messages m "
            "ON m.lease_owner = l.objid::bigint WHERE l.locktype = 'advisory' AND m.id = %s",
            [message_id],
        )
        with outbox_on(database_url) as next_run:
            lease = claimed_in_a_while(next_run)

    assert lease.message_id == message_id
    assert lease.token != dead.token
    assert lease.idempotency_key == dead.idempotency_key
    assert lease.attempt == 2, "What kills its run must be stopped some day: the attempt stays spent."


def test_a_run_that_lives_keeps_its_rows(conn: Connection, database_url: str) -> None:
    message_id = waiting(conn)

    with two_outboxes(database_url) as (one, two):
        lease = claimed(one)

        assert two.recover() == 0
        assert lease_token(conn, message_id) == lease.token


def test_a_run_that_is_silent_for_too_long_loses_its_rows_although_it_lives(
    conn: Connection, database_url: str
) -> None:
    message_id = waiting(conn)

    with two_outboxes(database_url) as (one, two):
        lease = claimed(one)
        conn.execute("UPDATE ai_proactive_messages SET lease_expires_at = now() - interval '1 second'")

        assert two.recover() == 1
        assert claimed(two).message_id == message_id
        assert one.may_post([lease]).leased == frozenset()


def test_a_post_begins_only_if_the_lease_outlasts_it(conn: Connection, database_url: str) -> None:
    waiting(conn)

    with outbox_on(database_url, post_timeout_seconds=15) as outbox:
        lease = claimed(outbox)
        assert outbox.may_post([lease]).leased == {lease.message_id}

        conn.execute("UPDATE ai_proactive_messages SET lease_expires_at = now() + interval '14 seconds'")
        assert outbox.may_post([lease]).leased == frozenset()


def test_a_lock_of_the_same_number_in_another_database_keeps_nothing_alive(
    conn: Connection, database_url: str, empty_database_url: str
) -> None:
    waiting(conn)
    with outbox_on(database_url) as doomed:
        claimed(doomed)
        owner = conn.execute("SELECT lease_owner FROM ai_proactive_messages").fetchone()
    with connect(empty_database_url) as elsewhere:
        elsewhere.execute("SELECT pg_advisory_lock(366, %s)", [owner["lease_owner"] if owner else 0])

        with outbox_on(database_url) as outbox:
            assert claimed_in_a_while(outbox).attempt == 2


def test_the_probe_is_the_last_in_line_that_did_not_find_the_endpoint_wrong_itself(
    conn: Connection, database_url: str
) -> None:
    other, last = waiting(conn, priority=50), waiting(conn, priority=1)

    with outbox_on(database_url) as outbox:
        [lease] = outbox.claim(probing=True)
        settle(outbox, lease, EndpointFault("http_404"), SENT)
        [again] = outbox.claim(probing=True)

    assert (lease.message_id, again.message_id) == (last, other)
