"""Which hours of which day: the setting, a guess, a state's law, a holiday; and that together they only ever narrow."""

from datetime import UTC, date, datetime, time, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ige_pipeline.environment import Environment
from ige_pipeline.refusal import Refusal
from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.quiet_hours import Hours, Week, first_open
from ige_pipeline.safeguards.quiet_rules import allowed_week, holidays_of, in_words, parse, rule_of, state_rules
from ige_pipeline.safeguards.reason import Reason
from ige_pipeline.safeguards.recipient import quiet_at
from ige_pipeline.safeguards.screen import screen
from ige_pipeline.settings import Settings
from ige_pipeline_tests.safeguards.test_recipient import NOW, facts, frame_of

NEW_YORK, CHICAGO = ZoneInfo("America/New_York"), ZoneInfo("America/Chicago")


def at(zone: ZoneInfo, *when: int) -> datetime:
    return datetime(*when, tzinfo=zone)  # type: ignore[misc,arg-type]


def finding(timezone: str = "", zones: str = "", state: str = "", *, now: datetime, **over: Any) -> Finding | None:
    return quiet_at(timezone, zones, state, settings=Settings(**over), now=now)


def opens(timezone: str = "", zones: str = "", state: str = "", *, now: datetime, **over: Any) -> datetime:
    found = finding(timezone, zones, state, now=now, **over)
    return now if found is None else cast("datetime", found.clears_at)


def test_a_zone_of_their_own_has_the_whole_window() -> None:
    now = at(NEW_YORK, 2026, 1, 14, 20, 59)

    assert opens("America/New_York", now=now) == now
    assert opens(" America/New_York ", "Asia/Tokyo", now=now) == now


def test_a_zone_guessed_from_the_number_loses_an_hour_at_each_end() -> None:
    early, late = at(NEW_YORK, 2026, 1, 14, 8, 30), at(NEW_YORK, 2026, 1, 14, 20, 0)

    assert opens(zones="America/New_York", now=early) == at(NEW_YORK, 2026, 1, 14, 9, 0)
    assert opens(zones="America/New_York", now=late - timedelta(microseconds=1)) < late
    assert opens("Mars/Olympus", "America/New_York", now=late) == at(NEW_YORK, 2026, 1, 15, 9, 0)


def test_how_much_a_guess_loses_is_a_setting_that_never_widens_the_window() -> None:
    early = at(NEW_YORK, 2026, 1, 14, 7, 30)
    wide: dict[str, Any] = {"quiet_guess_until_hour": 0, "quiet_guess_from_hour": 23}
    narrow: dict[str, Any] = {"quiet_guess_until_hour": 11}

    assert opens(zones="America/New_York", now=early, **wide) == at(NEW_YORK, 2026, 1, 14, 8, 0)
    assert opens(zones="America/New_York", now=early, **narrow) == at(NEW_YORK, 2026, 1, 14, 11, 0)
    assert opens("America/New_York", now=early, **narrow) == at(NEW_YORK, 2026, 1, 14, 8, 0)


def test_a_guess_says_that_it_is_one() -> None:
    found = finding(zones="America/New_York", now=at(NEW_YORK, 2026, 1, 14, 6, 0))

    assert found is not None
    assert (found.observed, found.limit) == ("America/New_York (guessed from the number)", "09:00-20:00")


def test_a_number_of_two_zones_is_called_when_both_allow_it() -> None:
    now = at(ZoneInfo("America/Boise"), 2026, 1, 14, 9, 30)

    assert opens(zones="America/Boise America/Los_Angeles", now=now) == now + timedelta(minutes=30)


@pytest.mark.parametrize(
    "zones", ["Etc/Unknown", "America/New_York Mars/Olympus", "Europe/Moscow Asia/Kamchatka Pacific/Honolulu"]
)
def test_a_number_abroad_that_may_ring_anywhere_cannot_be_evaluated(zones: str) -> None:
    found = finding(zones=zones, now=at(NEW_YORK, 2026, 1, 14, 14, 0))

    assert found == Finding(Reason.UNEVALUATED, observed="quiet_hours", limit="an answer")


def test_in_florida_the_evening_ends_at_eight() -> None:
    now = at(NEW_YORK, 2026, 1, 14, 20, 0)

    found = finding("America/New_York", state="FL", now=now)

    assert found is not None
    assert found.limit == "08:00-20:00 (Fla. Stat. § 501.616(6)(a)-(b))"
    assert found.clears_at == at(NEW_YORK, 2026, 1, 15, 8, 0)
    assert opens("America/New_York", state="NY", now=now) == now
    assert opens("America/New_York", state="FL", now=now, state_rules=False) == now


def test_in_texas_sunday_begins_at_noon_and_the_other_days_at_nine() -> None:
    saturday, sunday = at(CHICAGO, 2026, 1, 17, 8, 30), at(CHICAGO, 2026, 1, 18, 10, 0)

    assert opens("America/Chicago", state="TX", now=saturday) == at(CHICAGO, 2026, 1, 17, 9, 0)
    assert opens("America/Chicago", state="TX", now=sunday) == at(CHICAGO, 2026, 1, 18, 12, 0)
    assert opens("America/Chicago", state="TX", now=at(CHICAGO, 2026, 1, 17, 21, 0)) == at(CHICAGO, 2026, 1, 18, 12, 0)


def test_where_sunday_is_closed_saturday_evening_waits_for_monday() -> None:
    assert opens("America/Chicago", state="MS", now=at(CHICAGO, 2026, 1, 17, 20, 0)) == at(CHICAGO, 2026, 1, 19, 8, 0)


def test_noon_on_the_sunday_the_clock_changes_is_noon_by_the_clock() -> None:
    assert opens("America/Chicago", state="TX", now=at(CHICAGO, 2026, 3, 8, 1, 0)) == datetime(
        2026, 3, 8, 17, tzinfo=UTC
    )


def test_the_setting_still_narrows_what_a_state_allows() -> None:
    week = allowed_week(Settings(quiet_until_hour=10, quiet_from_hour=13), guessed=False, state="TX")

    assert in_words(week) == "Mon-Sat 10:00-13:00, Sun 12:00-13:00"


def test_an_operator_closes_sundays_and_shortens_saturdays_for_everyone() -> None:
    quiet = {"quiet_weekdays": "sun closed, sat 10:00-17:30"}
    saturday = at(NEW_YORK, 2026, 1, 17, 17, 30)

    assert opens("America/New_York", now=saturday - timedelta(minutes=1), **quiet) < saturday
    assert opens("America/New_York", now=saturday, **quiet) == at(NEW_YORK, 2026, 1, 19, 8, 0)
    found = finding("America/New_York", now=saturday, **quiet)
    assert found is not None
    assert found.limit == "Mon-Fri 08:00-21:00, Sat 10:00-17:30, Sun closed"


def test_weekdays_never_open_what_the_law_or_the_window_closes() -> None:
    wide = {"quiet_weekdays": "sun 00:00-23:59"}
    sunday = at(CHICAGO, 2026, 1, 18, 7, 0)

    assert opens("America/Chicago", now=sunday, **wide) == at(CHICAGO, 2026, 1, 18, 8, 0)
    assert opens("America/Chicago", state="TX", now=sunday, **wide) == at(CHICAGO, 2026, 1, 18, 12, 0)


def test_every_state_names_its_statute_and_what_was_verified() -> None:
    rules = state_rules()

    assert {"FL", "TX", "OK", "WA", "MD"} <= set(rules)
    assert all(rule.statute and rule.verified for rule in rules.values())
    assert {state for state, rule in rules.items() if rule.at_most_in_24_hours == 3} == {"FL", "OK", "MD"}


@pytest.mark.parametrize(
    "text",
    [
        '[ON]\nevery_day = ["08:00", "20:00"]\nstatute = "x"\nverified = "x"',
        '[FL]\nevery_day = ["20:00", "08:00"]\nstatute = "x"\nverified = "x"',
        '[FL]\nevery_day = ["08:00", "20:00"]\nsomeday = []\nstatute = "x"\nverified = "x"',
        '[FL]\nevery_day = ["08:00", "20:00"]\nverified = "x"',
    ],
)
def test_a_rule_that_is_not_as_it_should_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"state|end before|not known"):
        parse(text)


def test_a_state_that_there_is_not_cannot_be_evaluated() -> None:
    with pytest.raises(ValueError, match="no state"):
        rule_of(Settings(), "Ontario")


HOURS = st.builds(Hours, st.integers(0, 12).map(time), st.integers(13, 23).map(time))
WEEKS = st.tuples(*[st.one_of(st.none(), HOURS)] * 7)
MOMENTS = st.datetimes(
    min_value=datetime(2025, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2028, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)


def is_open(moment: datetime, zone: ZoneInfo, week: Week) -> bool:
    local = moment.astimezone(zone)
    hours = week[local.weekday()]
    return hours is not None and hours.start <= local.time() < hours.end


@given(now=MOMENTS, week=WEEKS, name=st.sampled_from(["America/New_York", "Europe/Berlin", "Australia/Lord_Howe"]))
def test_the_first_open_moment_is_open_and_no_quarter_of_an_hour_before_it_is(
    now: datetime, week: Week, name: str
) -> None:
    zone = ZoneInfo(name)
    if not any(week):
        with pytest.raises(ValueError, match="No day of the next 15"):
            first_open(now, [zone], week)
        return

    opened = first_open(now, [zone], week)

    assert is_open(opened, zone, week)
    quarters = (now + timedelta(minutes=each) for each in range(0, int((opened - now) / timedelta(minutes=1)), 15))
    assert not any(is_open(moment, zone, week) for moment in quarters)


@given(now=MOMENTS, state=st.sampled_from(["", "NY", *state_rules()]), guessed=st.booleans())
def test_a_law_and_a_guess_only_ever_make_it_later(now: datetime, state: str, *, guessed: bool) -> None:
    place = ("", "America/Chicago") if guessed else ("America/Chicago", "")

    assert opens(*place, state, now=now) >= opens("America/Chicago", now=now)


class Calendar(dict[date, str]):
    """Holidays that a test made up."""


def importing(calendar: Calendar) -> Any:
    return lambda _name: cast("ModuleType", SimpleNamespace(country_holidays=lambda _country: calendar))


def missing(name: str) -> ModuleType:
    raise ImportError(name)


def unknown(_country: str) -> Calendar:
    raise NotImplementedError


def test_a_holiday_is_closed_from_midnight_to_midnight_by_their_clock() -> None:
    closed = holidays_of("XA", importer=importing(Calendar({date(2026, 7, 3): "Made up"})))
    week = allowed_week(Settings(), guessed=False, state="")

    assert first_open(at(NEW_YORK, 2026, 7, 3, 12, 0), [NEW_YORK], week, closed=closed) == at(
        NEW_YORK, 2026, 7, 4, 8, 0
    )
    assert first_open(at(NEW_YORK, 2026, 7, 2, 20, 59), [NEW_YORK], week, closed=closed) == at(
        NEW_YORK, 2026, 7, 2, 20, 59
    )


def test_without_the_package_the_setting_says_how_to_get_it() -> None:
    with pytest.raises(Refusal, match=r"pip install 'ige_pipeline\[holidays\]'"):
        holidays_of("XB", importer=missing)


def test_a_country_whose_holidays_nobody_wrote_down_is_refused() -> None:
    module = cast("ModuleType", SimpleNamespace(country_holidays=unknown))

    with pytest.raises(Refusal, match="'XC', a country"):
        holidays_of("XC", importer=lambda _name: module)


def test_with_the_package_the_fourth_of_july_waits() -> None:
    pytest.importorskip("holidays")
    now = at(NEW_YORK, 2028, 7, 4, 12, 0)

    assert opens("America/New_York", now=now) == now
    assert opens("America/New_York", now=now, quiet_holidays="US") == at(NEW_YORK, 2028, 7, 5, 8, 0)


def test_a_calendar_that_cannot_be_had_is_not_taken_for_a_fact_about_somebody() -> None:
    pytest.importorskip("holidays")

    with pytest.raises(Refusal, match="'ZZ', a country"):
        finding("America/New_York", now=at(NEW_YORK, 2026, 1, 14, 12, 0), quiet_holidays="ZZ")
    with pytest.raises(Refusal, match="'ZZ', a country"):
        screen(frame_of(facts()), Settings(quiet_holidays="ZZ"), now=NOW)


def test_a_country_that_has_no_calendar_is_found_when_settings_are_read(tmp_path: Any) -> None:
    pytest.importorskip("holidays")
    settings = tmp_path / "ige.toml"
    settings.write_text('quiet_holidays = "ZZ"')

    with pytest.raises(Refusal, match="'ZZ', a country"):
        Environment({"IGE_SETTINGS": str(settings)}).settings()
