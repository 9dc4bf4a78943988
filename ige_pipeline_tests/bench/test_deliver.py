"""The benchmark of delivery counts what really arrived, and a claim reads no sent row."""

import pytest

from ige_pipeline.bench import deliver as bench
from ige_pipeline.bench.webhook import receiving
from ige_pipeline.postgres.connection import Connection


@pytest.mark.parametrize("latency_s", [0.0, 0.005])
def test_every_message_is_delivered_and_its_cost_is_that_of_process_and_server(
    conn: Connection, database_url: str, latency_s: float
) -> None:
    bench.fill(conn, due=40)

    with receiving(latency_s=latency_s) as webhook:
        posted = bench.ours(database_url, webhook, messages=30, at_once=8)

    sent = conn.execute("SELECT count(*) AS sent FROM ai_proactive_messages WHERE sent_at IS NOT NULL").fetchone()
    assert sent == {"sent": 30}
    assert posted.cpu_s > 0
    assert posted.cpu_per_1000 >= posted.cpu_s * 1000 / 30


def test_a_claim_reads_the_outbox_in_its_order_and_looks_at_no_sent_row(conn: Connection, database_url: str) -> None:
    bench.fill(conn, due=100)
    bench.send_long_ago(conn, 5000)

    plan = bench.claims(database_url, 16, times=3)["plan"]

    assert "ige_outbox_turns" in "\n".join(plan)
    assert "Seq Scan" not in "\n".join(plan)
    removed = [int(line.split(":")[1]) for line in plan if "Rows Removed by Filter" in line]
    assert max(removed, default=0) < 100
