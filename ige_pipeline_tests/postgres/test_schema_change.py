"""The steps of a migration, tried on the old system's tables: each adds, may be repeated, and waits for nobody long."""

import threading

import psycopg
import pytest
from psycopg import sql

from ige_pipeline.postgres.migrate import migrate
from ige_pipeline.postgres.schema_change import Patience
from ige_pipeline.refusal import Refusal
from ige_pipeline_tests.factories import build_old_system, one
from ige_pipeline_tests.postgres.asking import INDEXES, INVALID, ask, columns_of, connected, rewind, until_there_is

IMPATIENT = Patience(attempts=2, try_for_s=0.1, pause_s=0.01)
STUBBORN = Patience(attempts=200, try_for_s=0.1, pause_s=0.01)


@pytest.fixture
def old_database_url(empty_database_url: str) -> str:
    build_old_system(empty_database_url)
    return empty_database_url


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("ai_proactive_messages", "outcome_rating"),
        ("ai_concierge_goals", "data_gaps"),
        ("contractors", "ai_pause_until"),
        ("event_messages", "channel"),
    ],
)
def test_a_table_that_lacks_a_column_gets_it(old_database_url: str, table: str, column: str) -> None:
    with connected(old_database_url) as conn:
        conn.execute(sql.SQL("ALTER TABLE {} DROP COLUMN {}").format(sql.Identifier(table), sql.Identifier(column)))

    migrate(old_database_url)

    assert (table, column) in columns_of(old_database_url)


def test_a_missing_table_is_created_beside_those_that_exist(old_database_url: str) -> None:
    with connected(old_database_url) as conn:
        conn.execute("DROP TABLE event_messages")

    migrate(old_database_url)

    assert ("event_messages", "scheduled_time") in columns_of(old_database_url)


def test_an_invalid_index_of_an_interrupted_build_is_built_again(old_database_url: str) -> None:
    with connected(old_database_url) as conn:
        conn.execute("INSERT INTO ai_trust_indicators (contractor_id, indicator_type) VALUES (1, 'a'), (1, 'b')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            conn.execute("CREATE UNIQUE INDEX CONCURRENTLY ige_trust_latest ON ai_trust_indicators (contractor_id)")
    assert ask(old_database_url, INVALID) == [{"name": "ige_trust_latest"}]

    migrate(old_database_url)

    assert ask(old_database_url, INVALID) == []
    definitions = {row["indexname"]: row["indexdef"] for row in ask(old_database_url, INDEXES)}
    assert "recorded_at DESC" in definitions["ige_trust_latest"]


def test_a_build_that_gave_up_on_a_lock_leaves_no_invalid_index_behind(old_database_url: str) -> None:
    migrate(old_database_url)
    with connected(old_database_url) as conn, connected(old_database_url) as other:
        rewind(conn, "0003")
        conn.execute("DROP INDEX ige_trust_latest")
        with other.transaction():
            other.execute("UPDATE ai_trust_indicators SET confidence_impact = 5")
            with pytest.raises(Refusal, match="stayed locked"):
                migrate(old_database_url, patience=IMPATIENT)

    migrate(old_database_url)

    assert ask(old_database_url, INVALID) == []
    assert "ige_trust_latest" in {row["indexname"] for row in ask(old_database_url, INDEXES)}


def test_a_retry_after_a_lock_builds_the_index_and_not_only_its_name(old_database_url: str) -> None:
    migrate(old_database_url)
    with connected(old_database_url) as conn, connected(old_database_url) as other:
        rewind(conn, "0003")
        conn.execute("DROP INDEX ige_trust_latest")
        other.execute("BEGIN")
        other.execute("UPDATE ai_trust_indicators SET confidence_impact = 5")

        def let_go_once_a_build_has_failed() -> None:
            until_there_is(conn, INVALID)
            other.execute("COMMIT")

        thread = threading.Thread(target=let_go_once_a_build_has_failed)
        thread.start()

        migrate(old_database_url, patience=STUBBORN)
        thread.join(timeout=30)

    assert ask(old_database_url, INVALID) == []


def test_a_table_that_stays_locked_is_left_alone_and_nobody_queues_behind(old_database_url: str) -> None:
    before = columns_of(old_database_url)
    with connected(old_database_url) as holder, connected(old_database_url) as reader, holder.transaction():
        holder.execute("SELECT FROM ai_proactive_messages LIMIT 1")

        with pytest.raises(Refusal, match="stayed locked") as refusal:
            migrate(old_database_url, patience=IMPATIENT)

        reader.execute("SET lock_timeout = '50ms'")
        assert one(reader.execute("SELECT count(*) AS n FROM ai_proactive_messages"))["n"] == 3

    assert str(refusal.value).count(".") == 1
    after = columns_of(old_database_url)
    assert {name for name in after if name[0] == "ai_proactive_messages"} == {
        name for name in before if name[0] == "ai_proactive_messages"
    }


def test_while_a_table_is_waited_for_others_wait_no_longer_than_one_try(old_database_url: str) -> None:
    refusals: list[Refusal] = []

    def run() -> None:
        try:
            migrate(old_database_url, patience=Patience(attempts=3, try_for_s=0.2, pause_s=0.01))
        except Refusal as refusal:
            refusals.append(refusal)

    with connected(old_database_url) as holder, connected(old_database_url) as reader, holder.transaction():
        holder.execute("SELECT FROM ai_proactive_messages LIMIT 1")
        thread = threading.Thread(target=run)
        thread.start()
        reader.execute("SET lock_timeout = '2s'")
        while thread.is_alive():
            reader.execute("SELECT FROM ai_proactive_messages LIMIT 1")

    assert len(refusals) == 1
