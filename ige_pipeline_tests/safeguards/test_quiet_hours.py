"""When a text may arrive, at the moments at which clocks are hard."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ige_pipeline.safeguards.quiet_hours import SOMEWHERE_IN_THE_US, first_allowed, zones_of

EIGHT, NINE_PM = time(8), time(21)

# North, south, half an hour, a change at midnight, none at all, and the ends of the earth.
ZONES = (
    *SOMEWHERE_IN_THE_US,
    "America/Phoenix",
    "America/Havana",
    "America/Sao_Paulo",
    "Europe/Berlin",
    "Europe/London",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
)


def at(zone: str, *when: int) -> datetime:
    return datetime(*when, tzinfo=ZoneInfo(zone))  # type: ignore[misc,arg-type]


def opens(zone: str, *when: int) -> datetime:
    return first_allowed(at(zone, *when), zones_of(zone), start=EIGHT, end=NINE_PM)


def inside(moment: datetime, zones: tuple[ZoneInfo, ...], *, start: time, end: time) -> bool:
    return all(start <= moment.astimezone(zone).time() < end for zone in zones)


def test_the_first_allowed_minute_is_eight_o_clock() -> None:
    assert opens("America/New_York", 2026, 1, 14, 8, 0) == at("America/New_York", 2026, 1, 14, 8, 0)
    assert opens("America/New_York", 2026, 1, 14, 7, 59) == at("America/New_York", 2026, 1, 14, 8, 0)


def test_nine_in_the_evening_is_too_late() -> None:
    assert opens("America/New_York", 2026, 1, 14, 20, 59) == at("America/New_York", 2026, 1, 14, 20, 59)
    assert opens("America/New_York", 2026, 1, 14, 21, 0) == at("America/New_York", 2026, 1, 15, 8, 0)


def test_the_last_microsecond_before_nine_is_allowed() -> None:
    now = at("America/New_York", 2026, 1, 14, 20, 59, 59, 999_999)

    assert first_allowed(now, zones_of("America/New_York"), start=EIGHT, end=NINE_PM) == now


@pytest.mark.parametrize(
    ("zone", "evening", "morning_utc"),
    [
        # The night in which the clocks go forward is an hour shorter, and so is the wait.
        ("America/New_York", (2026, 3, 7, 21, 0), datetime(2026, 3, 8, 12, tzinfo=UTC)),
        ("America/New_York", (2026, 10, 31, 21, 0), datetime(2026, 11, 1, 13, tzinfo=UTC)),
        ("Europe/Berlin", (2026, 3, 28, 21, 0), datetime(2026, 3, 29, 6, tzinfo=UTC)),
        ("Europe/Berlin", (2026, 10, 24, 21, 0), datetime(2026, 10, 25, 7, tzinfo=UTC)),
        ("Australia/Sydney", (2026, 4, 4, 21, 0), datetime(2026, 4, 4, 22, tzinfo=UTC)),
        ("Australia/Sydney", (2026, 10, 3, 21, 0), datetime(2026, 10, 3, 21, tzinfo=UTC)),
        ("Australia/Lord_Howe", (2026, 4, 4, 21, 0), datetime(2026, 4, 4, 21, 30, tzinfo=UTC)),
        ("America/Phoenix", (2026, 3, 7, 21, 0), datetime(2026, 3, 8, 15, tzinfo=UTC)),
    ],
)
def test_eight_is_eight_by_their_clock_on_the_day_it_changes(
    zone: str, evening: tuple[int, ...], morning_utc: datetime
) -> None:
    assert opens(zone, *evening) == morning_utc


def test_an_hour_that_the_clock_leaves_out_begins_when_it_would_have() -> None:
    now = at("America/New_York", 2026, 3, 8, 1, 30)

    allowed = first_allowed(now, zones_of("America/New_York"), start=time(2), end=NINE_PM)

    assert allowed == at("America/New_York", 2026, 3, 8, 3, 0)


@pytest.mark.parametrize("name", [None, "", "Mars/Olympus", "../../etc/passwd", "America", "\x00", "x" * 5_000])
def test_somebody_without_a_usable_zone_may_be_anywhere_in_the_us(name: str | None) -> None:
    assert tuple(str(zone) for zone in zones_of(name)) == SOMEWHERE_IN_THE_US


def test_anywhere_in_the_us_it_is_allowed_when_honolulu_is_up_and_new_york_not_yet_in_bed() -> None:
    everywhere = zones_of(None)
    morning, evening = datetime(2026, 1, 14, 18, tzinfo=UTC), datetime(2026, 1, 15, 2, tzinfo=UTC)

    assert first_allowed(morning - timedelta(minutes=1), everywhere, start=EIGHT, end=NINE_PM) == morning
    assert first_allowed(morning, everywhere, start=EIGHT, end=NINE_PM) == morning
    assert first_allowed(evening, everywhere, start=EIGHT, end=NINE_PM) == morning + timedelta(days=1)


def test_a_window_that_is_never_open_everywhere_is_an_error() -> None:
    with pytest.raises(ValueError, match="No moment between 12:00:00 and 13:00:00"):
        first_allowed(datetime(2026, 1, 14, tzinfo=UTC), zones_of(None), start=time(12), end=time(13))


MOMENTS = st.datetimes(
    min_value=datetime(2024, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2030, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)


@given(
    now=MOMENTS,
    names=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True),
    start=st.integers(0, 12).map(time),
    end=st.integers(13, 23).map(time),
)
def test_the_first_allowed_moment_is_allowed_and_no_minute_before_it_is(
    now: datetime, names: list[str], start: time, end: time
) -> None:
    zones = tuple(ZoneInfo(name) for name in names)
    try:
        allowed = first_allowed(now, zones, start=start, end=end)
    except ValueError:
        assume(False)  # noqa: FBT003 - hypothesis's own word for "not this one"
        raise

    assert allowed >= now
    assert inside(allowed, zones, start=start, end=end)
    minutes = int((allowed - now) / timedelta(minutes=1))
    earlier = [now + timedelta(minutes=each) for each in range(minutes)]
    earlier += [allowed - timedelta(microseconds=1)] if allowed > now else []
    assert [moment for moment in earlier if inside(moment, zones, start=start, end=end)] == []


@given(now=MOMENTS, names=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True))
def test_there_is_no_moment_only_where_a_whole_week_has_none(now: datetime, names: list[str]) -> None:
    zones = tuple(ZoneInfo(name) for name in names)
    try:
        first_allowed(now, zones, start=time(11), end=time(14))
    except ValueError:
        week = (now + timedelta(minutes=each) for each in range(0, 7 * 24 * 60, 15))
        assert not any(inside(moment, zones, start=time(11), end=time(14)) for moment in week)
