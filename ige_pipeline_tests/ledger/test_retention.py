"""Old days of the ledger go as a whole; what led to a message lives as long as it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from ige_pipeline.ledger.batch import retire_decisions
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline_tests.factories import ago, fetch, insert, make_batch, make_decision, make_message, one

TODAY = datetime.now(UTC).date()


def decided(conn: Connection, *, days_ago: int, message_id: int | None = None) -> int:
    """Write a decision as it was made so many days ago."""
    day = TODAY - timedelta(days=days_ago)
    conn.execute("SELECT ige_prepare_decisions(%s)", [day])
    return make_decision(conn, make_batch(conn), 1, decided_on=day, message_id=message_id)


def there(conn: Connection) -> set[int]:
    return {row["id"] for row in conn.execute("SELECT id FROM ige_decisions")}


def test_days_beyond_the_limit_are_dropped_and_the_others_stay(conn: Connection) -> None:
    decided(conn, days_ago=91)
    kept = {decided(conn, days_ago=90), decided(conn, days_ago=0)}

    assert retire_decisions(conn, keep_days=90) == 1

    assert there(conn) == kept
    assert retire_decisions(conn, keep_days=90) == 0


def test_a_decision_lives_as_long_as_its_message(conn: Connection) -> None:
    message = make_message(conn, 1)
    with_message = decided(conn, days_ago=100, message_id=message)
    decided(conn, days_ago=100)

    retire_decisions(conn, keep_days=90)
    assert there(conn) == {with_message}

    conn.execute("DELETE FROM ai_proactive_messages WHERE id = %s", [message])
    decided(conn, days_ago=99)
    retire_decisions(conn, keep_days=90)
    assert there(conn) == set()


def tried(conn: Connection, message_id: int, *, days_ago: float) -> int:
    """Write down an attempt as it ended so many days ago."""
    moment = datetime.now(UTC) - timedelta(days=days_ago)
    attempt = {"message_id": message_id, "run_id": "run", "attempt": 1, "lease_token": uuid4(), "outcome": "Retry"}
    return insert(conn, "ige_delivery_attempts", attempt | {"claimed_at": moment, "ended_at": moment})


def test_attempts_of_what_never_left_go_with_their_days_and_those_of_what_was_sent_stay(conn: Connection) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=95)
    sent, waiting = make_message(conn, 1, sent_at=long_ago), make_message(conn, 2)
    ended = [
        make_message(conn, 3, expired_at=long_ago),
        make_message(conn, 4, dead_at=long_ago, dead_reason="http_400"),
        make_message(conn, 5, cancelled_at=long_ago, cancel_reason="replied"),
    ]
    kept = {tried(conn, sent, days_ago=95), tried(conn, waiting, days_ago=95), tried(conn, ended[0], days_ago=89)}
    for message in (*ended, 999_999):
        tried(conn, message, days_ago=95)
    decided(conn, days_ago=91)

    retire_decisions(conn, keep_days=90)

    assert {row["id"] for row in conn.execute("SELECT id FROM ige_delivery_attempts")} == kept


def test_a_batch_goes_when_none_of_its_decisions_is_left(conn: Connection) -> None:
    for _ in ("nothing", "a message", "young"):
        decided(conn, days_ago=95)
    nothing, with_message, young = (row["batch_id"] for row in conn.execute("SELECT batch_id FROM ige_decisions"))
    conn.execute("UPDATE ige_decisions SET message_id = %s WHERE batch_id = %s", [make_message(conn, 1), with_message])
    conn.execute("UPDATE ige_batches SET opened_at = now() - interval '95 days' WHERE id <> %s", [young])

    retire_decisions(conn, keep_days=90)

    assert {row["id"] for row in conn.execute("SELECT id FROM ige_batches")} == {with_message, young}
    assert nothing not in {with_message, young}


def test_a_reader_is_not_disturbed_and_the_next_batch_tries_again(conn: Connection, database_url: str) -> None:
    old = decided(conn, days_ago=91)

    with connect(database_url) as reader, reader.transaction():
        one(reader.execute("SELECT count(*) FROM ige_decisions"))
        assert retire_decisions(conn, keep_days=90) == 0

    assert there(conn) == {old}
    assert retire_decisions(conn, keep_days=90) == 1


def test_each_day_goes_by_itself_whoever_reads_another(conn: Connection, database_url: str) -> None:
    decided(conn, days_ago=92)
    read = decided(conn, days_ago=91)
    day = f"ige_decisions_{TODAY - timedelta(days=91):%Y%m%d}"

    with connect(database_url) as reader, reader.transaction():
        reader.execute(f"LOCK TABLE {day} IN ACCESS SHARE MODE".encode())
        assert retire_decisions(conn, keep_days=90) == 1

    assert there(conn) == {read}


def test_a_day_goes_without_a_search_for_messages_that_are_gone(conn: Connection) -> None:
    message = make_message(conn, 1)
    with_message = decided(conn, days_ago=92, message_id=message)
    retire_decisions(conn, keep_days=90)
    conn.execute("DELETE FROM ai_proactive_messages WHERE id = %s", [message])
    decided(conn, days_ago=91)

    conn.execute("SELECT ige_retire_decisions(%s)", [TODAY - timedelta(days=90)])

    assert there(conn) == {with_message}


def test_what_a_batch_that_died_left_undecided_is_explained_after_a_day(conn: Connection) -> None:
    conn.execute("SELECT ige_prepare_decisions(%s)", [TODAY - timedelta(days=1)])
    conn.execute("SELECT ige_prepare_decisions(%s)", [TODAY - timedelta(days=2)])
    died, at_work = make_batch(conn), make_batch(conn)
    ended = {died.id: ago(hours=25), at_work.id: ago(hours=23)}
    for batch, opened_at in ended.items():
        conn.execute("UPDATE ige_batches SET opened_at = %s WHERE id = %s", [opened_at, batch])
    days = {batch: opened_at.astimezone(UTC).date() for batch, opened_at in ended.items()}
    left = make_decision(conn, died, 1, decided_on=days[died.id], screened_at=ago(hours=25))
    open_still = make_decision(conn, at_work, 1, decided_on=days[at_work.id], screened_at=ago(hours=23))

    retire_decisions(conn, keep_days=90)

    told = fetch(conn, "ige_decisions", left)
    assert (told["verdict"], told["reasons"][0]["observed"]) == (
        "failed",
        "the batch ended before its text was written",
    )
    assert fetch(conn, "ige_decisions", open_still)["verdict"] is None
    assert one(conn.execute("SELECT counts, closed_at FROM ige_batches WHERE id = %s", [died.id])) == {
        "counts": {"failed": 1},
        "closed_at": None,
    }
