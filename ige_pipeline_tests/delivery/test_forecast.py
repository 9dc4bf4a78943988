from typing import Any

import pytest

from ige_pipeline.delivery.forecast import Forecast
from ige_pipeline.delivery.outbox import forecast
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.outboxes import waiting
from ige_pipeline_tests.factories import ago, make_batch


@pytest.mark.parametrize(
    ("forecast", "keeps_up", "hours"),
    [
        (Forecast(0, 0, 0.5), True, 0),
        (Forecast(900, 0, 0.5), True, 0.5),
        (Forecast(900, 900, 0.5), True, 1),
        (Forecast(900, 1800, 0.5), True, None),
        (Forecast(1, 1801, 0.5), False, None),
        (Forecast(0, 1801, 0.5), False, 0),
    ],
)
def test_the_backlog_clears_by_what_the_pace_leaves_over(
    forecast: Forecast, *, keeps_up: bool, hours: float | None
) -> None:
    assert (forecast.keeps_up, forecast.clears_in_hours) == (keeps_up, hours)


@pytest.mark.parametrize(
    ("forecast", "sentence"),
    [
        (Forecast(0, 12, 0.5), "12 an hour arrive and 1,800 can leave"),
        (Forecast(900, 0, 0.5), "0 an hour arrive and 1,800 can leave: the backlog clears in 30 min"),
        (Forecast(9000, 0, 0.5), "0 an hour arrive and 1,800 can leave: the backlog clears in 5 h"),
        (Forecast(9, 2000, 0.5), "2,000 an hour arrive and 1,800 can leave: the backlog never clears; raise messages"),
    ],
)
def test_it_is_said_in_one_sentence(forecast: Forecast, sentence: str) -> None:
    assert str(forecast).startswith(sentence)


def test_what_arrived_in_a_day_is_counted_by_batches_and_what_others_inserted_by_rows(conn: Connection) -> None:
    def counted(scheduled: int, **over: Any) -> None:
        batch = make_batch(conn, **over)
        conn.execute("UPDATE ige_batches SET counts = jsonb_build_object('scheduled', %s::int) WHERE id = %s",
                     [scheduled, batch.id])  # fmt: skip

    counted(46)
    counted(1000, dry_run=True)
    waiting(conn)
    waiting(conn, created_at=ago(hours=23))
    waiting(conn, created_at=ago(hours=25))
    waiting(conn, trigger_name="high_priority_goal")

    assert forecast(conn, Settings(), unsent=4) == Forecast(4, arrivals_per_hour=2, per_second=0.5)
