from typing import Any

import pytest

from ige_pipeline.delivery.forecast import Forecast, clears_in_time, ended_after_s, sustained_per_second
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
    waiting(conn, created_at=ago(hours=23), sent_at=ago(hours=22))
    waiting(conn, created_at=ago(hours=25))
    waiting(conn, trigger_name="high_priority_goal")

    assert forecast(conn, Settings(), unsent=4) == Forecast(4, arrivals_per_hour=2, per_second=0.5)


@pytest.mark.parametrize(
    ("over", "per_hour"),
    [
        ({}, 1800),
        # No more than a run's messages for each look of the sensor.
        ({"messages_per_second": 1000}, 2400),
        ({"max_messages_per_run": 2000}, 1800),
        ({"max_messages_per_run": 10}, 1200),
    ],
)
def test_what_leaves_in_an_hour_is_what_pace_and_sensor_allow(over: dict[str, Any], per_hour: int) -> None:
    assert sustained_per_second(Settings(**over)) * 3600 == pytest.approx(per_hour, abs=0.5)


@pytest.mark.parametrize(
    ("over", "seconds"),
    [
        ({}, 600),
        # 1000 at one in four seconds, beside another run.
        ({"max_messages_per_run": 1000}, 3000),
        ({"max_messages_per_run": 250}, 1642),
        # As fast as they may, but every answer is waited for to the end: 1000 / 10 * 15 s.
        ({"max_messages_per_run": 1000, "messages_per_second": 100}, 2392),
        ({"max_messages_per_run": 100_000}, 3000),
    ],
)
def test_a_run_that_hangs_is_ended_soon_and_one_that_is_at_work_is_not(over: dict[str, Any], seconds: int) -> None:
    assert ended_after_s(Settings(**over)) == seconds


@pytest.mark.parametrize(
    ("over", "hours"),
    [({}, 13), ({"quiet_until_hour": 10}, 11), ({"expire_after_hours": 6}, 6), ({"expire_after_hours": 30}, 13 + 6)],
)
def test_nothing_leaves_in_the_quiet_hours(over: dict[str, Any], hours: int) -> None:
    settings = Settings(**over)

    assert clears_in_time(settings) == int(sustained_per_second(settings) * 3600 * hours)
