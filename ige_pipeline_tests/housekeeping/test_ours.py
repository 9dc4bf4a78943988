"""Our own tables end with what is older than it is kept; what belongs to a message stays."""

from datetime import UTC, datetime, timedelta

from ige_pipeline.housekeeping.ours import sizes, tidy
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import ago, insert, make_batch, make_decision

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

    assert gone == {"ledger_days": 2, "alerts": 2, "texts_of_replies": 0, "receipts": 0, "spend_days": 2}
    assert days(conn, "ige_decisions", "decided_on") == [0, 89]
    assert days(conn, "ige_model_spend", "day") == [0, 89]
    assert len(days(conn, "ige_alerts", "at")) == 3
    assert set(tidy(conn, Settings()).values()) == {0}
    assert sizes(conn)["ledger_parts"] == 3


def test_of_an_old_reply_the_text_goes_and_that_there_was_one_stays(conn: Connection) -> None:
    for age in (300, 400):
        reply = {"provider_id": f"SM{age}", "proof": "token", "body": "STOP please", "meaning": "opt_out"}
        insert(conn, "ige_inbound_messages", reply | {"received_at": ago(days=age)})

    gone = tidy(conn, Settings(keep_inbound_days=365))

    rows = conn.execute("SELECT body, meaning FROM ige_inbound_messages ORDER BY id").fetchall()
    assert gone["texts_of_replies"] == 1
    assert [(row["body"], row["meaning"]) for row in rows] == [("STOP please", "opt_out"), ("", "opt_out")]
