"""Old days of the ledger go as a whole; what led to a message lives as long as it."""

from datetime import UTC, datetime, timedelta

from ige_pipeline.ledger.batch import retire_decisions
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline_tests.factories import make_batch, make_decision, make_message, one

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


def test_a_reader_is_not_disturbed_and_the_next_batch_tries_again(conn: Connection, database_url: str) -> None:
    old = decided(conn, days_ago=91)

    with connect(database_url) as reader, reader.transaction():
        one(reader.execute("SELECT count(*) FROM ige_decisions"))
        assert retire_decisions(conn, keep_days=90) == 0

    assert there(conn) == {old}
    assert retire_decisions(conn, keep_days=90) == 1
