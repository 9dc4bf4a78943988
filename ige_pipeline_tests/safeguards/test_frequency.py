"""How often: caps as rolling windows against a slow reference, complaints, trust tiers, and laws that always hold."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow

from ige_pipeline.safeguards.batch_facts import with_facts
from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.frequency import MESSAGE_TYPES
from ige_pipeline.safeguards.phonebook import read_numbers
from ige_pipeline.safeguards.reason import Reason
from ige_pipeline.safeguards.screen import screen
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import awake
from ige_pipeline_tests.factories import make_contractor, make_sent_message, make_trust, one

Conn = psycopg.Connection[DictRow]
Found = dict[Reason, Finding]

# Nothing but what a test asks for speaks.
NO_CAPS = {"cap_per_day": 0, "cap_per_week": 0, "cap_per_30_days": 0, "cap_per_type_per_week": 0}
CALM = NO_CAPS | {"min_gap_hours": 0, "ignored_in_a_row": 50}


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


def now_of(conn: Conn) -> datetime:
    """The transaction's now, by which Postgres counts."""
    moment = one(conn.execute("SELECT now() AS moment"))["moment"]
    assert isinstance(moment, datetime)
    return moment


def asked(conn: Conn, *candidates: dict[str, Any], **thresholds: Any) -> dict[int, Found]:
    rows = [{"message_type": "check_in", "promised": False, "changed_since": False} | each for each in candidates]
    given = Settings(**(CALM | thresholds))
    frame = with_facts(conn, rows, given, consent_needed=False)
    found = screen(frame, given, now=now_of(conn))
    return {index: {each.reason: each for each in found.get(index, [])} for index in range(len(rows))}


def found_for(conn: Conn, contractor: int, *, message_type: str = "check_in", **thresholds: Any) -> Found:
    return asked(conn, {"contractor_id": contractor, "message_type": message_type}, **thresholds)[0]


def sent(conn: Conn, contractor: int, *ages: timedelta, **over: Any) -> None:
    for age in ages:
        make_sent_message(conn, contractor, sent_at=now_of(conn) - age, **over)


def hours(*ages: float) -> list[timedelta]:
    return [timedelta(hours=age) for age in ages]


def somebody(conn: Conn, **over: Any) -> int:
    return make_contractor(conn, **({"timezone": awake(), "phone": None} | over))


def test_two_in_a_day_are_enough_and_it_is_known_until_when(conn: Conn) -> None:
    contractor = somebody(conn)
    sent(conn, contractor, *hours(1, 5, 23))

    finding = found_for(conn, contractor, cap_per_day=2)[Reason.CAP_DAY]

    assert (finding.observed, finding.limit) == (3, 2)
    assert finding.clears_at == now_of(conn) + timedelta(hours=19)


@pytest.mark.parametrize(
    ("reason", "setting", "window"),
    [
        (Reason.CAP_DAY, "cap_per_day", timedelta(hours=24)),
        (Reason.CAP_WEEK, "cap_per_week", timedelta(hours=168)),
        (Reason.CAP_30_DAYS, "cap_per_30_days", timedelta(hours=720)),
        (Reason.CAP_TYPE, "cap_per_type_per_week", timedelta(hours=168)),
    ],
)
def test_a_window_is_so_many_hours_to_the_microsecond(
    conn: Conn, reason: Reason, setting: str, window: timedelta
) -> None:
    thresholds: dict[str, Any] = {setting: 1}
    inside, outside = somebody(conn), somebody(conn)
    sent(conn, inside, window - timedelta(microseconds=1))
    sent(conn, outside, window)

    assert found_for(conn, inside, **thresholds)[reason].clears_at == now_of(conn) + timedelta(microseconds=1)
    assert reason not in found_for(conn, outside, **thresholds)


def test_zero_is_no_cap(conn: Conn) -> None:
    contractor = somebody(conn)
    sent(conn, contractor, *hours(1, 2, 3, 4, 5))

    assert set(found_for(conn, contractor)) == {Reason.NO_PHONE}


def test_a_message_of_another_type_leaves_room_for_this_one(conn: Conn) -> None:
    contractor = somebody(conn)
    sent(conn, contractor, *hours(30, 60), message_type="celebration")
    sent(conn, contractor, *hours(90), message_type="check_in")
    limits: dict[str, Any] = {"cap_per_type_per_week": 2}

    assert Reason.CAP_TYPE not in found_for(conn, contractor, **limits)
    finding = found_for(conn, contractor, message_type="celebration", **limits)[Reason.CAP_TYPE]
    assert (finding.observed, finding.clears_at) == (2, now_of(conn) + timedelta(hours=168 - 60))


def test_a_message_of_this_type_from_before_the_week_leaves_room(conn: Conn) -> None:
    contractor = somebody(conn)
    sent(conn, contractor, *hours(168, 300), message_type="celebration")
    sent(conn, contractor, *hours(30, 60), message_type="check_in")

    found = found_for(conn, contractor, message_type="celebration", cap_per_type_per_week=1)

    assert Reason.CAP_TYPE not in found


def test_a_type_that_nobody_knows_counts_as_every_type(conn: Conn) -> None:
    contractor = somebody(conn)
    sent(conn, contractor, *hours(30), message_type="celebration")
    sent(conn, contractor, *hours(60), message_type="check_in")

    assert Reason.CAP_TYPE in found_for(conn, contractor, message_type="greeting", cap_per_type_per_week=2)


def test_the_law_of_the_numbers_state_holds_for_promised_messages_too(conn: Conn) -> None:
    florida, new_york = somebody(conn, phone="+13055550123"), somebody(conn, phone="+12125550123")
    for each in (florida, new_york):
        sent(conn, each, *hours(1, 2, 20))
    candidates = [{"contractor_id": each, "promised": True} for each in (florida, new_york)]

    found = asked(conn, *candidates)

    assert found[0][Reason.CAP_STATE].clears_at == now_of(conn) + timedelta(hours=4)
    assert "501.616" in str(found[0][Reason.CAP_STATE].limit)
    assert Reason.CAP_STATE not in found[1]
    assert Reason.CAP_STATE not in asked(conn, *candidates, state_rules=False)[0]


def complained(conn: Conn, contractor: int, *ages: timedelta, kind: str = "negative_feedback") -> None:
    for age in ages:
        make_trust(conn, contractor, 60, indicator_type=kind, recorded_at=now_of(conn) - age)


def test_three_complaints_in_seven_days_wait_until_the_third_last_is_older(conn: Conn) -> None:
    contractor = somebody(conn)
    complained(conn, contractor, *hours(10, 30))
    complained(conn, contractor, *hours(50, 90), kind="ignored_suggestion")

    finding = found_for(conn, contractor)[Reason.COMPLAINTS]

    assert (finding.observed, finding.limit) == (4, 3)
    assert finding.clears_at == now_of(conn) + timedelta(hours=168 - 50)


def test_exactly_three_complaints_are_too_many(conn: Conn) -> None:
    contractor = somebody(conn)
    complained(conn, contractor, *hours(10, 30, 167))

    assert found_for(conn, contractor)[Reason.COMPLAINTS].clears_at == now_of(conn) + timedelta(hours=1)


def test_two_complaints_praise_and_old_ones_do_not_add_up(conn: Conn) -> None:
    contractor = somebody(conn)
    complained(conn, contractor, *hours(10, 30, 168))
    complained(conn, contractor, *hours(1, 2), kind="positive_feedback")

    assert Reason.COMPLAINTS not in found_for(conn, contractor)


def test_a_promised_message_goes_in_spite_of_complaints(conn: Conn) -> None:
    contractor = somebody(conn)
    complained(conn, contractor, *hours(1, 2, 3))

    assert Reason.COMPLAINTS not in asked(conn, {"contractor_id": contractor, "promised": True})[0]


@pytest.mark.parametrize(
    ("score", "days"),
    [(100, 2), (80, 2), (79, 5), (60, 5), (59, 10), (40, 10), (39, 30), (20, 30), (0, 30), (None, 10)],
)
def test_with_trust_tiers_less_trust_means_a_longer_gap(conn: Conn, score: int | None, days: int) -> None:
    contractor = somebody(conn)
    sent(conn, contractor, timedelta(hours=47))
    if score is not None:
        make_trust(conn, contractor, score)

    finding = found_for(conn, contractor, trust_tiers=True, min_trust_score=0)[Reason.GAP]

    assert finding.limit == days * 24
    assert finding.clears_at == now_of(conn) - timedelta(hours=47) + timedelta(days=days)


def test_without_trust_tiers_trust_does_not_change_the_gap(conn: Conn) -> None:
    contractor = somebody(conn)
    sent(conn, contractor, timedelta(hours=49))
    make_trust(conn, contractor, 30)

    assert Reason.GAP not in found_for(conn, contractor, min_gap_hours=48)


def test_a_tier_never_shortens_the_gap(conn: Conn) -> None:
    contractor = somebody(conn)
    sent(conn, contractor, timedelta(hours=60))
    make_trust(conn, contractor, 90)

    assert found_for(conn, contractor, trust_tiers=True, min_gap_hours=72)[Reason.GAP].limit == 72


AGES = st.lists(
    st.one_of(
        st.integers(0, 45 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)),
        st.sampled_from([timedelta(hours=24), timedelta(days=7), timedelta(days=30)]),
    ),
    max_size=9,
)
WINDOWS = {
    Reason.CAP_DAY: ("cap_per_day", timedelta(days=1)),
    Reason.CAP_WEEK: ("cap_per_week", timedelta(days=7)),
    Reason.CAP_30_DAYS: ("cap_per_30_days", timedelta(days=30)),
    Reason.CAP_TYPE: ("cap_per_type_per_week", timedelta(days=7)),
}


def slowly(times: list[datetime], *, window: timedelta, at_most: int, now: datetime) -> datetime | None:
    """When there is room again, tried at every moment at which it could change; None when there is room now."""
    for moment in sorted([now, *(each + window for each in times if each + window > now)]):
        if sum(moment - window < each for each in times) < at_most:
            return None if moment == now else moment
    raise AssertionError("There is always room at last.")


@settings(max_examples=30, deadline=None)
@given(
    messages=st.lists(
        st.tuples(AGES.map(lambda ages: ages[0] if ages else timedelta(hours=5)), st.sampled_from(MESSAGE_TYPES)),
        max_size=9,
    ),
    limits=st.tuples(*[st.integers(0, 4)] * 4),
    split=st.booleans(),
)
def test_caps_agree_with_counting_by_hand(
    shared_conn: Conn, messages: list[tuple[timedelta, str]], limits: tuple[int, ...], *, split: bool
) -> None:
    with shared_conn.transaction(force_rollback=True):
        now = now_of(shared_conn)
        mine, twin = somebody(shared_conn, phone="+12125550123"), somebody(shared_conn, phone="212-555-0123")
        read_numbers(shared_conn, [mine, twin], region="US")
        for place, (age, kind) in enumerate(messages):
            sent(shared_conn, twin if split and place % 2 else mine, age, message_type=kind)
        thresholds: dict[str, Any] = {name: limit for (name, _), limit in zip(WINDOWS.values(), limits, strict=True)}

        found = found_for(shared_conn, mine, **thresholds) if split else _alone(shared_conn, mine, twin, thresholds)

    for reason, (name, window) in WINDOWS.items():
        times = [now - age for age, kind in messages if reason is not Reason.CAP_TYPE or kind == "check_in"]
        room = slowly(times, window=window, at_most=thresholds[name], now=now) if thresholds[name] else None
        assert (found[reason].clears_at if reason in found else None) == room


def _alone(conn: Conn, mine: int, twin: int, thresholds: dict[str, Any]) -> Found:
    """Without somebody who shares the number."""
    conn.execute("UPDATE contractors SET phone = NULL WHERE id = %s", [twin])
    return found_for(conn, mine, **thresholds)


@settings(max_examples=20, deadline=None)
@given(
    ages=AGES,
    more=AGES.filter(len),
    promised=st.booleans(),
    tiers=st.booleans(),
    score=st.one_of(st.none(), st.integers(0, 100)),
)
def test_another_sent_message_never_frees_anybody(
    shared_conn: Conn, ages: list[timedelta], more: list[timedelta], score: int | None, *, promised: bool, tiers: bool
) -> None:
    unanswered = {"contractor_response": None, "response_received_at": None}
    thresholds: dict[str, Any] = {
        "min_gap_hours": 48, "ignored_in_a_row": 3, "cap_per_day": 1, "cap_per_week": 2, "cap_per_30_days": 4,
        "cap_per_type_per_week": 1, "trust_tiers": tiers,
    }  # fmt: skip
    with shared_conn.transaction(force_rollback=True):
        contractor = somebody(shared_conn, phone="+13055550123")
        if score is not None:
            make_trust(shared_conn, contractor, score)
        candidate = {"contractor_id": contractor, "promised": promised}
        sent(shared_conn, contractor, *ages, **unanswered)
        before = asked(shared_conn, candidate, **thresholds)[0]
        sent(shared_conn, contractor, *more, **unanswered)
        after = asked(shared_conn, candidate, **thresholds)[0]

    # Older silence ends seven days after its last message: a newer one prolongs it, or the gap takes over.
    assert set(before) <= set(after)
    assert all(_clears(after[reason]) >= _clears(finding) for reason, finding in before.items())


def _clears(finding: Finding) -> datetime:
    return finding.clears_at or datetime.max.replace(tzinfo=UTC)


@settings(max_examples=10, deadline=None)
@given(
    people=st.lists(
        st.tuples(AGES, st.sampled_from([None, "+13055550123", "(305) 555-0123", "+12125550123", "555-0123", "x"])),
        min_size=2,
        max_size=5,
    )
)
def test_somebody_asked_about_alone_gets_the_answer_they_get_among_others(
    shared_conn: Conn, people: list[tuple[list[timedelta], str | None]]
) -> None:
    thresholds = {"cap_per_day": 1, "cap_per_week": 2, "cap_per_30_days": 3, "min_gap_hours": 48}
    with shared_conn.transaction(force_rollback=True):
        ids = [somebody(shared_conn, phone=phone, timezone=None) for _, phone in people]
        for each, (ages, _) in zip(ids, people, strict=True):
            sent(shared_conn, each, *ages)
        candidates = [{"contractor_id": each} for each in ids]
        # Their numbers have to be read before anybody can know who shares one.
        read_numbers(shared_conn, ids, region="US")

        together = asked(shared_conn, *candidates, **thresholds)
        alone = [asked(shared_conn, each, **thresholds)[0] for each in candidates]

    assert list(together.values()) == alone


def test_one_row_of_a_frame_alone_gets_the_answer_it_gets_among_others(conn: Conn) -> None:
    ids = [somebody(conn, phone=phone) for phone in ("+13055550123", None, "+12125550123")]
    sent(conn, ids[0], *hours(1, 2, 3))
    rows = [
        {"contractor_id": each, "message_type": "check_in", "promised": False, "changed_since": False} for each in ids
    ]
    frame = with_facts(conn, rows, Settings(), consent_needed=True)

    whole = screen(frame, Settings(), now=now_of(conn))

    for place in range(len(frame)):
        part: pd.DataFrame = frame.iloc[[place]]
        assert screen(part, Settings(), now=now_of(conn)) == {place: whole[place]}
