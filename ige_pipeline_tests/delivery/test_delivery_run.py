"""A whole delivery run over a real outbox: what one row does to the others."""

import asyncio
import threading
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import ANY

import psycopg
import pytest

from ige_pipeline.delivery.alert import open_alerts
from ige_pipeline.delivery.backoff import MAX_ATTEMPTS
from ige_pipeline.delivery.books import Books
from ige_pipeline.delivery.breaker import Breaker, resume
from ige_pipeline.delivery.deliver import deliver
from ige_pipeline.delivery.ending import HELD_UP
from ige_pipeline.delivery.endpoint import InTime
from ige_pipeline.delivery.outbox import Outbox
from ige_pipeline.delivery.outcome import Delivered, Retry
from ige_pipeline.delivery.payload import Sendable
from ige_pipeline.delivery.reply import Answered, Reply
from ige_pipeline.delivery.settlement import Ended, Sent, Settled
from ige_pipeline.delivery.tally import DeliveryReport
from ige_pipeline.postgres.connection import Connection, another, connect
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import ACCEPTED, NOON, FakeEndpoint, Naps, asleep, awake, in_minutes
from ige_pipeline_tests.delivery.faraway import a_way_to
from ige_pipeline_tests.delivery.outboxes import SENT, attempts, message, outbox_on, turn_switch, waiting
from ige_pipeline_tests.factories import ago, make_contractor, make_message

# One after the other, so that a test can say what happens between two messages.
FAST = {"messages_per_second": 1000, "max_messages_per_run": 1000, "delivery_concurrency": 1}


REFUSES_TO_MARK = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sent_at IS NOT NULL AND NEW.id IN (SELECT id FROM unmarkable) THEN RAISE EXCEPTION 'no'; END IF;
    RETURN NEW;
END $$"""


class PickyEndpoint(FakeEndpoint):
    """An endpoint that fails for some and does something before it answers."""

    def __init__(self, *, fails_for: Collection[int] = (), status: int = 500, before: Any = None) -> None:
        super().__init__()
        self._fails_for, self._status, self._before = fails_for, status, before

    def answer(self, sendable: Sendable, *, key: str) -> Reply:
        super().answer(sendable, key=key)
        if self._before is not None:
            self._before(sendable)
        return Answered(self._status) if sendable.message_id in self._fails_for else ACCEPTED


def run(url: str, endpoint: FakeEndpoint, **settings: Any) -> DeliveryReport:
    """Deliver over a connection of the run's own, which dies with it."""
    with connect(url) as conn:
        return deliver(conn, endpoint, Settings(**(FAST | settings)), run_id="run")


def sent(conn: Connection) -> list[int]:
    return [
        row["id"] for row in conn.execute("SELECT id FROM ai_proactive_messages WHERE sent_at IS NOT NULL ORDER BY id")
    ]


def test_twenty_undeliverable_messages_at_the_head_delay_nobody(conn: Connection, database_url: str) -> None:
    head = {"priority": 99, "created_at": ago(hours=1)}
    failing = {waiting(conn, **head) for _ in range(5)}
    empty = [waiting(conn, **head, message_content=text) for text in (None, "", "  ", "\n", "\t", " \n ")]
    numberless = [make_message(conn, make_contractor(conn, phone=None, timezone=awake()), **head) for _ in range(3)]
    nobodys = [make_message(conn, None, **head) for _ in range(2)]
    ageless = [waiting(conn, **head | {"created_at": None, "updated_at": None}) for _ in range(2)]
    eternal = [waiting(conn, **head | {"created_at": "infinity"}), waiting(conn, **head)]
    conn.execute(
        "UPDATE contractors SET ai_proactive_paused = true, ai_pause_until = 'infinity' FROM ai_proactive_messages m "
        "WHERE m.id = %s AND m.contractor_id = contractors.id",
        [eternal[1]],
    )
    good = [waiting(conn, priority=1) for _ in range(3)]
    endpoint = PickyEndpoint(fails_for=failing)

    report = run(database_url, endpoint)

    assert len([*failing, *empty, *numberless, *nobodys, *ageless, *eternal]) == 20
    assert sent(conn) == sorted([eternal[0], *good])
    assert set(endpoint.posted) == failing | {eternal[0]} | set(good)
    assert dict(report.counts) == {"Retry": 5, "Dead": 11, "Postponed": 1, "Delivered": 4}
    assert {message(conn, each)["dead_reason"] for each in empty} == {"empty_text"}
    assert {message(conn, each)["dead_reason"] for each in numberless} == {"no_phone"}
    assert {message(conn, each)["dead_reason"] for each in nobodys} == {"unknown_contractor"}


def test_a_message_that_killed_its_run_seven_times_is_dead_without_another_post(
    conn: Connection, database_url: str
) -> None:
    message_id = waiting(conn)
    bystander = waiting(conn, priority=1)

    def dies(sendable: Sendable) -> None:
        if sendable.message_id == message_id:
            raise MemoryError

    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(MemoryError):
            run(database_url, PickyEndpoint(before=dies))
    last = FakeEndpoint()
    run(database_url, last)

    assert message(conn, message_id)["dead_reason"] == "attempts_exhausted"
    assert (last.posted, sent(conn)) == ([], [bystander])


def test_seven_failures_with_their_waits_end_a_message(conn: Connection, database_url: str) -> None:
    message_id = waiting(conn, expires_at=in_minutes(10_000))
    endpoint = PickyEndpoint(fails_for={message_id})
    waits = []

    for _ in range(MAX_ATTEMPTS + 1):
        run(database_url, endpoint)
        waits.append(message(conn, message_id)["next_attempt_at"])
        conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = NULL")

    assert len(endpoint.posted) == MAX_ATTEMPTS
    assert len(set(endpoint.keys)) == 1
    assert message(conn, message_id)["dead_reason"] == "attempts_exhausted"
    assert [each["outcome"] for each in attempts(conn, message_id)] == ["Retry"] * 6 + ["Dead"]
    assert waits[5] - waits[0] > timedelta(hours=7)


def test_a_message_in_the_night_waits_for_the_morning_and_keeps_its_attempt(
    conn: Connection, database_url: str
) -> None:
    message_id = make_message(conn, make_contractor(conn, timezone=asleep()))
    endpoint = FakeEndpoint()

    for _ in range(3):
        run(database_url, endpoint)

    row = message(conn, message_id)
    assert endpoint.posted == []
    assert row["next_attempt_at"] > in_minutes(5 * 60)
    assert (row["attempts"], row["last_error"]) == (0, "quiet_hours")
    assert [each["repeats"] for each in attempts(conn, message_id)] == [1]


def test_the_second_of_two_messages_to_one_person_waits_for_the_gap(conn: Connection, database_url: str) -> None:
    contractor = make_contractor(conn, timezone=awake())
    first, second = make_message(conn, contractor), make_message(conn, contractor)
    endpoint = FakeEndpoint()

    run(database_url, endpoint)

    assert endpoint.posted == [first]
    assert message(conn, second)["last_error"] == "gap"


def test_a_pause_that_comes_during_the_run_is_obeyed_by_the_next_message(conn: Connection, database_url: str) -> None:
    first, second = waiting(conn), waiting(conn)

    def pause_everybody(_sendable: Sendable) -> None:
        conn.execute("UPDATE contractors SET ai_proactive_paused = true")

    endpoint = PickyEndpoint(before=pause_everybody)
    run(database_url, endpoint)

    assert endpoint.posted == [first]
    assert message(conn, second)["last_error"] == "paused"


def test_a_stop_during_the_run_lets_no_further_message_out_and_touches_no_other(
    conn: Connection, database_url: str
) -> None:
    ids = [waiting(conn) for _ in range(5)]
    endpoint = PickyEndpoint(before=lambda _sendable: turn_switch(conn, "stop", '{"on": true}', "wrong texts"))

    report = run(database_url, endpoint)

    assert endpoint.posted == ids[:1]
    assert report.stopped
    assert [message(conn, each)["next_attempt_at"] for each in ids[2:]] == [None, None, None]
    with pytest.raises(Refusal, match="All sending is stopped"):
        run(database_url, endpoint)

    turn_switch(conn, "stop", '{"on": false}')
    run(database_url, FakeEndpoint())
    assert sent(conn) == ids


@pytest.mark.parametrize("obstacle", ["stop", "other sender"])
def test_a_run_that_may_not_send_touches_no_row(conn: Connection, database_url: str, obstacle: str) -> None:
    message_id = waiting(conn)
    if obstacle == "stop":
        turn_switch(conn, "stop", '{"on": true}', "wrong texts")
    else:
        waiting(conn, sent_at=ago(minutes=5))
    before, endpoint = message(conn, message_id), FakeEndpoint()

    with pytest.raises(Refusal):
        run(database_url, endpoint)

    assert endpoint.posted == []
    assert message(conn, message_id) == before


def test_a_wrong_address_costs_no_attempt_however_often_it_is_tried(conn: Connection, database_url: str) -> None:
    ids = [waiting(conn) for _ in range(3)]

    for _ in range(9):
        endpoint = FakeEndpoint(Answered(404))
        assert run(database_url, endpoint).fault == "http_404"
        assert len(endpoint.posted) == 1
        half_a_minute_passes(conn)
    run(database_url, FakeEndpoint())

    assert sent(conn) == ids
    assert [message(conn, each)["attempts"] for each in ids] == [1, 1, 1]


def test_a_row_that_alone_is_answered_as_if_the_endpoint_were_wrong_holds_up_nobody(
    conn: Connection, database_url: str
) -> None:
    ids = [waiting(conn) for _ in range(3)]

    run(database_url, PickyEndpoint(fails_for=[ids[0]], status=404))
    half_a_minute_passes(conn)
    endpoint = PickyEndpoint(fails_for=[ids[0]], status=404)
    report = run(database_url, endpoint)

    assert sent(conn) == ids[1:]
    assert endpoint.posted == [ids[2], ids[0], ids[1]], "The probe is another message than the one that failed."
    assert report.fault is None
    assert [each["outcome"] for each in attempts(conn, ids[0])] == ["EndpointFault", "Retry"]


def test_where_others_are_accepted_twenty_poisoned_messages_at_the_head_hold_up_nobody(
    conn: Connection, database_url: str
) -> None:
    good = waiting(conn, priority=99)
    poisoned = [waiting(conn, priority=90) for _ in range(20)]
    others = [waiting(conn, priority=10) for _ in range(25)]

    report = run(database_url, PickyEndpoint(fails_for=poisoned, status=404))

    assert sent(conn) == [good, *others]
    assert report.fault is None


def test_while_the_circuit_is_open_another_run_claims_nothing_and_uses_no_attempt(
    conn: Connection, database_url: str
) -> None:
    first, second = waiting(conn), waiting(conn)
    run(database_url, FakeEndpoint(Answered(401)))
    before = message(conn, second)

    other = FakeEndpoint()
    report = run(database_url, other)

    assert (other.posted, report.fault, report.posted) == ([], "http_401", 0)
    assert message(conn, second) == before
    assert (message(conn, first)["attempts"], message(conn, first)["next_attempt_at"]) == (0, ANY)
    with outbox_on(database_url, endpoint=other.name) as outbox:
        assert (outbox.claim(9), outbox.reserve_pace()) == ([], None)


def test_ten_calls_of_which_seven_fail_open_the_circuit_and_a_resume_closes_it(
    conn: Connection, database_url: str
) -> None:
    good = [waiting(conn, priority=90) for _ in range(3)]
    failing = [waiting(conn, priority=50) for _ in range(20)]

    report = run(database_url, PickyEndpoint(fails_for=failing, status=503))

    assert sent(conn) == good
    assert report.posted == 10
    assert report.fault == "http_503"
    assert {each["kind"] for each in open_alerts(conn)} == {"circuit_open", "failing_70"}

    assert resume(conn, FakeEndpoint.name, who="test")
    run(database_url, FakeEndpoint())
    assert len(sent(conn)) == 3 + 13
    assert open_alerts(conn) == []


def half_a_minute_passes(conn: Connection) -> None:
    conn.execute("UPDATE ige_circuits SET probe_at = now() WHERE probe_at IS NOT NULL")


def test_an_attempt_that_cannot_be_written_down_does_not_send_the_text_again(
    conn: Connection, database_url: str
) -> None:
    waiting(conn)
    conn.execute("ALTER TABLE ige_delivery_attempts ADD CONSTRAINT too_full CHECK (outcome <> 'Delivered')")
    endpoint = FakeEndpoint()

    with pytest.raises(psycopg.errors.CheckViolation):
        run(database_url, endpoint)
    run(database_url, endpoint)

    assert len(endpoint.posted) == 1


def test_when_the_database_cannot_answer_the_safeguards_the_message_keeps_its_attempt(
    conn: Connection, database_url: str
) -> None:
    message_id = waiting(conn)
    conn.execute("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 50', current_database()); END $$")
    endpoint = FakeEndpoint()

    with conn.transaction():
        conn.execute("LOCK TABLE ige_suppressions IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            run(database_url, endpoint)

    row = message(conn, message_id)
    assert endpoint.posted == []
    assert (row["attempts"], row["last_error"], row["lease_token"]) == (0, "unevaluated", None)
    assert row["next_attempt_at"] > in_minutes(14)
    assert [each["outcome"] for each in attempts(conn, message_id)] == ["Postponed"]


def test_a_failing_endpoint_that_is_probed_for_hours_uses_up_no_attempt(conn: Connection, database_url: str) -> None:
    message_id = waiting(conn)
    conn.execute("INSERT INTO ige_circuits (endpoint, state, reason, opened_at, probe_at) "
                 "VALUES (%s, 'open', 'http_503', now(), now())", [FakeEndpoint.name])  # fmt: skip

    for _ in range(MAX_ATTEMPTS + 1):
        endpoint = FakeEndpoint(Answered(503))
        assert run(database_url, endpoint).fault == "http_503"
        assert endpoint.posted == [message_id]
        half_a_minute_passes(conn)
        conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = now()")

    assert message(conn, message_id)["attempts"] == 0
    run(database_url, FakeEndpoint())
    assert sent(conn) == [message_id]


def test_a_date_that_no_calendar_has_stops_nobody(conn: Connection, database_url: str) -> None:
    waiting(conn, created_at="294276-12-31", priority=99)
    others = [waiting(conn), waiting(conn)]

    run(database_url, FakeEndpoint())

    assert set(others) <= set(sent(conn))


def test_no_transaction_is_open_while_a_message_is_posted(conn: Connection, database_url: str) -> None:
    waiting(conn)
    states: list[str] = []

    def look(_sendable: Sendable) -> None:
        query = "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        states.extend(row["state"] for row in conn.execute(query))

    run(database_url, PickyEndpoint(before=look))

    assert states == ["idle", "idle", "idle"]


def cut_everybody_else(conn: Connection) -> None:
    """End every other connection, and wait until they are gone."""
    conn.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                 "AND datname = current_database()")  # fmt: skip


@pytest.mark.parametrize("slots", [1, 10])
def test_when_connections_are_cut_under_load_the_run_ends_and_no_answer_is_thrown_away(
    conn: Connection, database_url: str, slots: int
) -> None:
    ids = [waiting(conn) for _ in range(20)]

    def cut(sendable: Sendable) -> None:
        if sendable.message_id == ids[4]:
            cut_everybody_else(conn)

    first, second = PickyEndpoint(before=cut), FakeEndpoint()
    with pytest.raises(psycopg.OperationalError):
        run(database_url, first, delivery_concurrency=slots)
    run(database_url, second, delivery_concurrency=slots)

    assert len(first.posted) >= 5
    assert sorted(first.posted + second.posted) == ids, "Nothing that was answered is posted again."
    assert sent(conn) == ids


def test_what_was_committed_when_the_connection_was_cut_is_not_written_down_twice(
    conn: Connection, database_url: str
) -> None:
    message_id = waiting(conn)
    with connect(database_url) as own, connect(database_url) as claims:

        class CutAfterCommit(Outbox):
            cut = iter([True])

            def settle(self, ended: Sequence[Ended]) -> dict[int, Settled]:
                settled = super().settle(ended)
                if next(self.cut, False):
                    cut_everybody_else(conn)
                    self.claim()
                return settled

        outbox = CutAfterCommit(own, claims, Settings(), run_id="run", owner=7, adopted=True, endpoint="host:1")
        breaker = Breaker(own, endpoint="host:1", lease_seconds=60)
        [lease] = outbox.claim()
        books = Books(outbox, breaker, reopen=another(own), patience_s=60)
        settled, circuit = books.write([Ended(lease, Delivered(), SENT)])
        books.close()

    assert set(settled) == {message_id}
    assert circuit is not None
    assert [each["outcome"] for each in attempts(conn, message_id)] == ["Delivered"]


def test_books_that_find_no_database_for_as_long_as_leases_last_say_so(conn: Connection, database_url: str) -> None:
    waiting(conn)
    naps = Naps()

    def once() -> Connection:
        if own.closed:
            raise Refusal("Postgres cannot be reached.")
        return own

    with outbox_on(database_url) as outbox, connect(database_url) as own:
        books = Books(
            outbox,
            Breaker(own, endpoint="host:1", lease_seconds=60),
            reopen=once,
            patience_s=60,
            clock=lambda: sum(naps.taken),
            sleep=naps,
        )
        [lease] = outbox.claim()
        own.close()

        with pytest.raises(Refusal):
            books.write([Ended(lease, Delivered(), SENT)])
        waited = sum(naps.taken)
        with pytest.raises(Refusal):
            books.write([Ended(lease, Delivered(), SENT)])

    assert waited == pytest.approx(60, abs=0.3)
    assert sum(naps.taken) == waited, "The next one does not wait as long again."


def test_a_row_that_cannot_be_marked_has_none_of_its_neighbours_posted_again(
    conn: Connection, database_url: str
) -> None:
    ids = [waiting(conn) for _ in range(10)]
    conn.execute("CREATE TABLE unmarkable AS SELECT %s::bigint AS id", [ids[4]])
    conn.execute(REFUSES_TO_MARK)
    conn.execute("CREATE TRIGGER refuses BEFORE UPDATE ON ai_proactive_messages FOR EACH ROW EXECUTE FUNCTION refuse()")
    endpoint = FakeEndpoint()

    for _ in range(2):
        with pytest.raises(psycopg.errors.RaiseException):
            run(database_url, endpoint, delivery_concurrency=10, messages_per_second=100_000)

    assert {each for each in endpoint.posted if endpoint.posted.count(each) > 1} == {ids[4]}
    assert sent(conn) == sorted({*ids} - {ids[4]})


def test_messages_that_killed_two_runs_let_the_others_go_first(conn: Connection, database_url: str) -> None:
    killers = [waiting(conn, priority=99, deaths=2, attempts=2) for _ in range(3)]
    good = [waiting(conn, priority=1) for _ in range(2)]
    endpoint = FakeEndpoint()

    run(database_url, endpoint, delivery_concurrency=10)

    assert endpoint.posted == [*good, *killers]


def test_what_failed_again_and_again_and_outlived_one_run_is_not_taken_for_a_killer(
    conn: Connection, database_url: str
) -> None:
    tried = waiting(conn, priority=99, deaths=1, attempts=5)
    fresh = [waiting(conn, priority=1) for _ in range(2)]
    endpoint = FakeEndpoint()

    run(database_url, endpoint)

    assert endpoint.posted == [tried, *fresh]


@pytest.mark.parametrize("limit", [25, 5])
def test_a_killer_goes_alone_now_and_then_however_much_else_is_due(
    conn: Connection, database_url: str, limit: int
) -> None:
    killer = waiting(conn, priority=100, deaths=2, attempts=2)
    for _ in range(60):
        waiting(conn, priority=1)
    endpoint = FakeEndpoint()

    for _ in range(50 // limit):
        run(database_url, endpoint, max_messages_per_run=limit)

    assert killer in endpoint.posted
    assert len(endpoint.posted) == 50, "Something was due all the while."


def test_who_settles_what_was_posted_has_outlived_it(conn: Connection, database_url: str) -> None:
    posted, held = waiting(conn, priority=99, deaths=1), waiting(conn, deaths=1)
    with outbox_on(database_url) as outbox:
        for _ in range(2):
            (lease,) = outbox.claim()
            outcome, told = (
                (Retry(timedelta(0), "http_500"), Sent(NOON, 1, Answered(500)))
                if lease.message_id == posted
                else (HELD_UP, None)
            )
            outbox.settle([Ended(lease, outcome, told)])

    assert (message(conn, posted)["deaths"], message(conn, held)["deaths"]) == (0, 1)


def test_books_that_cannot_be_written_end_the_run_before_its_first_post(conn: Connection, database_url: str) -> None:
    waiting(conn)
    with outbox_on(database_url) as outbox, pytest.raises(Refusal, match="standby"):
        Books(
            outbox,
            Breaker(conn, endpoint="host:1", lease_seconds=60),
            reopen=lambda: connect(database_url, options="-c default_transaction_read_only=on"),
            patience_s=60,
        )


def test_books_that_were_made_read_only_are_opened_again_until_they_can_be_written(
    conn: Connection, database_url: str
) -> None:
    message_id = waiting(conn)
    modes, naps, opened = iter(["off", "on", "off"]), Naps(), list[Connection]()

    def reopen() -> Connection:
        opened.append(connect(database_url, options=f"-c default_transaction_read_only={next(modes)}"))
        return opened[-1]

    with outbox_on(database_url) as outbox:
        books = Books(
            outbox,
            Breaker(conn, endpoint="host:1", lease_seconds=60),
            reopen=reopen,
            patience_s=60,
            sleep=naps,
        )
        [lease] = outbox.claim()
        opened[0].execute("SET default_transaction_read_only = on")
        books.write([Ended(lease, Delivered(), SENT)])
        books.close()

    assert sent(conn) == [message_id]
    assert naps.taken == [0.2]


def test_a_database_a_third_of_a_second_away_holds_up_nothing(conn: Connection, database_url: str) -> None:
    first, second = waiting(conn, priority=90), waiting(conn)

    with a_way_to(database_url) as way:
        # From here on every answer takes longer than a last look holds.
        endpoint = PickyEndpoint(before=lambda _sendable: setattr(way, "each_way_s", 0.15))
        report = run(way.url, endpoint, max_messages_per_run=2)

    assert endpoint.posted == [first, second]
    assert dict(report.counts) == {"Delivered": 2}


def test_an_endpoint_that_asks_us_to_wait_is_left_alone_tried_with_another_message_and_no_attempt_is_used(
    conn: Connection, database_url: str
) -> None:
    first, *others = [waiting(conn, priority=90 - n) for n in range(4)]
    busy = PickyEndpoint(fails_for={first, *others}, status=429)
    waits = []

    for _ in range(4):
        run(database_url, busy)
        held = conn.execute("SELECT waits, probe_at - now() AS left FROM ige_circuits").fetchone() or {}
        waits.append((held["waits"], round(held["left"].total_seconds() / 10) * 10))
        run(database_url, busy)
        conn.execute("UPDATE ige_circuits SET probe_at = now()")

    assert waits == [(1, 30), (2, 60), (3, 120), (4, 240)]
    assert busy.posted == [first, *reversed(others)]
    assert {message(conn, each)["attempts"] for each in busy.posted} == {0}
    assert [alert["kind"] for alert in open_alerts(conn)] == ["rate_limited"]
    conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = now()")
    run(database_url, FakeEndpoint())
    assert sent(conn) == [first, *others]
    assert open_alerts(conn) == []


def test_a_message_that_alone_is_asked_to_wait_again_and_again_holds_up_nobody_but_itself(
    conn: Connection, database_url: str
) -> None:
    limited, *others = [waiting(conn, priority=90 - n) for n in range(3)]
    endpoint = PickyEndpoint(fails_for={limited}, status=429)
    run(database_url, endpoint)
    conn.execute("UPDATE ige_circuits SET probe_at = now()")
    run(database_url, endpoint)
    assert sent(conn) == others

    conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = now() WHERE id = %s", [limited])
    later = waiting(conn, priority=1)
    report = run(database_url, endpoint)

    assert endpoint.posted[-2:] == [limited, later]
    assert (dict(report.counts), report.circuit.state) == ({"Retry": 1, "Delivered": 1}, "closed")


def test_what_was_asked_to_wait_is_not_what_is_tried_although_it_is_the_last_in_line(
    conn: Connection, database_url: str
) -> None:
    limited = waiting(conn, priority=1)
    endpoint = PickyEndpoint(fails_for={limited}, status=429)
    run(database_url, endpoint)
    conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = now()")
    conn.execute("UPDATE ige_circuits SET probe_at = now()")
    other = waiting(conn, priority=50)

    run(database_url, endpoint)

    assert endpoint.posted == [limited, other, limited]
    assert sent(conn) == [other]


def test_a_wait_longer_than_a_message_lives_does_not_end_it_and_a_person_may_end_the_wait(
    conn: Connection, database_url: str
) -> None:
    message_id = waiting(conn, expires_at=in_minutes(60))
    endpoint = FakeEndpoint(Answered(429, {"retry-after": "86400"}), ACCEPTED)
    run(database_url, endpoint)
    assert message(conn, message_id)["expired_at"] is None

    assert resume(conn, endpoint.name, who="me")
    run(database_url, endpoint)

    assert sent(conn) == [message_id]


def test_two_rows_that_cannot_be_marked_lose_none_of_the_other_answers(conn: Connection, database_url: str) -> None:
    ids = [waiting(conn) for _ in range(10)]
    wrong = {ids[0], ids[3]}
    conn.execute("CREATE TABLE unmarkable AS SELECT unnest(%s::bigint[]) AS id", [sorted(wrong)])
    conn.execute(REFUSES_TO_MARK)
    conn.execute("CREATE TRIGGER refuses BEFORE UPDATE ON ai_proactive_messages FOR EACH ROW EXECUTE FUNCTION refuse()")
    endpoint = OneAfterTheOther(ids)

    with pytest.raises(psycopg.errors.RaiseException):
        run(database_url, endpoint, delivery_concurrency=10, messages_per_second=100_000)

    assert sorted(endpoint.posted) == ids
    assert sent(conn) == sorted({*ids} - wrong), "Accepted, and thrown away: they would be posted again."


class OneAfterTheOther(FakeEndpoint):
    """Answers come so far apart that each is written down by itself."""

    def __init__(self, ids: Sequence[int]) -> None:
        super().__init__()
        self._ids = ids

    async def post(self, sendable: Sendable, *, key: str, now: datetime, in_time: InTime) -> Reply:
        del now, in_time
        reply = self.answer(sendable, key=key)
        await asyncio.sleep(0.5 + 0.1 * self._ids.index(sendable.message_id))
        return reply


def test_what_a_run_held_that_died_beside_a_living_one_is_taken_within_seconds(
    conn: Connection, database_url: str
) -> None:
    orphan = waiting(conn, priority=99)
    plenty = [waiting(conn) for _ in range(60)]
    dead = ExitStack()
    endpoint = PickyEndpoint(before=lambda sendable: dead.close() if sendable.message_id == plenty[2] else None)

    with dead:
        assert [lease.message_id for lease in dead.enter_context(outbox_on(database_url)).claim()] == [orphan]
        run(database_url, endpoint, messages_per_second=10, max_messages_per_run=50)

    assert endpoint.posted[-1] != orphan, "Others are still due when it goes."
    assert 10 <= endpoint.posted.index(orphan) < 50


def test_while_all_connections_of_a_run_are_cut_nobody_else_posts_what_it_has_in_flight(
    conn: Connection, database_url: str
) -> None:
    message_id = waiting(conn)
    in_flight, answered = threading.Event(), threading.Event()

    class Slow(FakeEndpoint):
        async def post(self, sendable: Sendable, *, key: str, now: datetime, in_time: InTime) -> Reply:
            del now, in_time
            in_flight.set()
            await asyncio.to_thread(answered.wait, 20)
            return self.answer(sendable, key=key)

    endpoint, other = Slow(), FakeEndpoint()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(run, database_url, endpoint)
        assert in_flight.wait(20)
        conn.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                     "WHERE pid <> pg_backend_pid() AND datname = current_database()")  # fmt: skip
        run(database_url, other)
        answered.set()
        with suppress(psycopg.OperationalError):
            first.result()

    assert (endpoint.posted, other.posted) == ([message_id], [])
    assert message(conn, message_id)["sent_at"] is not None
