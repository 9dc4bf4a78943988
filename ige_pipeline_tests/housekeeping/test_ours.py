"""Our own tables end with what is older than it is kept; what belongs to a message stays."""

from datetime import UTC, datetime, timedelta

from ige_pipeline.housekeeping.ours import _retire_attempts, sizes, tidy
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import ago, insert, make_batch, make_decision, make_message

TODAY = datetime.now(UTC).date()


def days(conn: Connection, table: str, column: str) -> list[int]:
    """Return how many days old the rows are that are left."""
    query = f"SELECT (now()::date - {column}::date)::int AS days FROM {table} ORDER BY 1"  # noqa: S608 - our own names
    return [row["days"] for row in conn.execute(query.encode())]


def test_what_is_older_than_it_is_kept_goes_and_is_counted(conn: Connection) -> None:
    for age in (0, 89, 91, 200):
        day = TODAY - timedelta(days=age)
        conn.execute("SELECT ige_prepare_decisions(%s)", [day])
        make_decision(conn, make_batch(conn), 1, decided_on=day)
        insert(conn, "ige_alerts", {"kind": "k", "about": "a", "sentence": "s", "ended_at": ago(days=age)})
        conn.execute("INSERT INTO ige_model_spend (day, batch_id) VALUES (%s, %s)", [day, age])
    insert(conn, "ige_alerts", {"kind": "k", "about": "a", "sentence": "still so", "at": ago(days=300)})

    gone = tidy(conn, Settings(keep_decisions_days=90))

    assert {name: rows for name, rows in gone.items() if rows} == {"ledger_days": 2, "alerts": 2, "spend_days": 2}
    assert days(conn, "ige_decisions", "decided_on") == [0, 89]
    assert days(conn, "ige_model_spend", "day") == [0, 89]
    assert len(days(conn, "ige_alerts", "at")) == 3
    assert set(tidy(conn, Settings()).values()) == {0}
    assert sizes(conn)["ledger_parts"] == 3


def test_attempts_of_sent_messages_are_kept_for_years_and_then_go_and_those_of_what_waits_stay(
    conn: Connection,
) -> None:
    """Five years of a sent message a week, of which each was tried twice, and one that has waited for as long."""
    conn.execute("""
        INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, sent_at, created_at)
        SELECT 1, 'check_in', 'Hi', now() - n * interval '7 days', now() - n * interval '7 days'
          FROM generate_series(0, 259) AS n""")
    make_message(conn, 2, created_at=ago(days=1820))
    conn.execute("""
        INSERT INTO ige_delivery_attempts (message_id, run_id, attempt, lease_token, claimed_at, ended_at, outcome)
        SELECT m.id, 'run', n, gen_random_uuid(), m.created_at, m.created_at, 'Retry'
          FROM ai_proactive_messages m, generate_series(1, 2) AS n""")

    first, again = (tidy(conn, Settings(keep_attempts_days=1461))["attempts_of_sent"] for _ in range(2))

    # 209 weeks are younger than four years; 51 messages are older, and the one that waits.
    assert (first, again) == (2 * 51, 0)
    assert len(days(conn, "ige_delivery_attempts", "ended_at")) == 2 * (209 + 1)
    assert len(days(conn, "ai_proactive_messages", "created_at")) == 261
    assert _retire_attempts(conn, keep_days=365, at_once=50) == 2 * (209 - 53)


def test_of_an_old_reply_the_text_goes_and_that_there_was_one_stays(conn: Connection) -> None:
    for age in (300, 400):
        reply = {"provider_id": f"SM{age}", "proof": "token", "body": "STOP please", "meaning": "opt_out"}
        insert(conn, "ige_inbound_messages", reply | {"received_at": ago(days=age)})

    flagged = {"provider_id": "SM-flagged", "proof": "token", "body": "not now", "meaning": "reply", "flag": "no_text"}
    insert(conn, "ige_inbound_messages", flagged | {"received_at": ago(days=500)})
    seen = {"provider_id": "SM-seen", "seen_at": ago(days=499), "seen_by": "ada", "received_at": ago(days=500)}
    insert(conn, "ige_inbound_messages", flagged | seen)

    gone = tidy(conn, Settings(keep_inbound_days=365))

    rows = conn.execute("SELECT body, meaning FROM ige_inbound_messages ORDER BY id").fetchall()
    assert gone["texts_of_replies"] == 2
    kept = [("STOP please", "opt_out"), ("", "opt_out"), ("not now", "reply"), ("", "reply")]
    assert [(row["body"], row["meaning"]) for row in rows] == kept, "what nobody has looked at stays"
