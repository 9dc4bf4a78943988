"""Whether somebody may be contacted: each reason at its edge, all reasons together, and what cannot be found out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.reason import RULES, Reason
from ige_pipeline.safeguards.recipient import SAFEGUARDS, judge
from ige_pipeline.safeguards.screen import screen
from ige_pipeline.settings import Settings

NOW = datetime(2026, 1, 14, 19, 0, tzinfo=UTC)  # two in the afternoon in New York, nine in the morning in Honolulu
TIMES = ("paused_until", "last_sent_at", "recent_last_sent_at", "complained_at")

# Everything wrong at once, with a number that is not there and a zone in which it is night.
ALL_WRONG = {
    "known": False,
    "phone_verdict": "none",
    "phone_state": "FL",
    "suppressed": True,
    "consent": "none",
    "consent_needed": True,
    "timezone": "Asia/Tokyo",
    "paused": True,
    "paused_until": NOW + timedelta(days=1),
    "waiting_message_id": 7,
    "last_message_id": 6,
    "last_sent_at": NOW - timedelta(hours=1),
    "recent_sent": 3,
    "recent_unanswered": 3,
    "recent_last_sent_at": NOW - timedelta(hours=1),
    "trust_score": 10,
    "complaints": 3,
    "complained_at": NOW - timedelta(days=1),
    "sent_day": 3,
    "sent_week": 3,
    "sent_30_days": 10,
    "recent_times": [NOW - timedelta(hours=1)] * 10,
    "recent_types": ["check_in"] * 10,
    "changed_since": True,
}


def facts(**over: Any) -> dict[str, Any]:
    """What is known of somebody against whom nothing speaks."""
    return {
        "contractor_id": 1,
        "known": True,
        "phone_verdict": "possible",
        "timezone": "America/New_York",
        "phone_zones": None,
        "phone_state": None,
        "suppressed": False,
        "consent": "none",
        "consent_needed": False,
        "message_type": "check_in",
        "paused": False,
        "paused_until": None,
        "waiting_message_id": None,
        "last_message_id": None,
        "last_sent_at": None,
        "recent_sent": 0,
        "recent_unanswered": 0,
        "recent_last_sent_at": None,
        "trust_score": None,
        "complaints": 0,
        "complained_at": None,
        "sent_day": 0,
        "sent_week": 0,
        "sent_30_days": 0,
        "recent_times": None,
        "recent_types": None,
        "promised": False,
        "changed_since": False,
    } | over


def frame_of(*rows: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows))
    for column in TIMES:
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame


def breaking(frame: pd.DataFrame, column: str, *, index: int, garbage: Any) -> pd.DataFrame:
    """Put something into one cell that does not belong there."""
    values = list(frame[column].astype(object))
    values[index] = garbage
    return frame.assign(**{column: pd.Series(values, dtype=object)})


def findings(row: dict[str, Any], **thresholds: Any) -> list[Finding]:
    return list(screen(frame_of(row), Settings(**thresholds), now=NOW).get(0, []))


def reasons(row: dict[str, Any], **thresholds: Any) -> set[Reason]:
    return {finding.reason for finding in findings(row, **thresholds)}


def sent(before: timedelta, **over: Any) -> dict[str, Any]:
    return facts(last_message_id=6, last_sent_at=NOW - before, **over)


def ignored(count: int, before: timedelta, **over: Any) -> dict[str, Any]:
    last = NOW - before
    shape = {"recent_sent": count, "recent_unanswered": count, "recent_last_sent_at": last}
    return facts(**({"last_message_id": 6, "last_sent_at": last} | shape | over))


def test_nothing_speaks_against_somebody_new_in_the_middle_of_their_day() -> None:
    assert findings(facts()) == []


def test_a_contractor_whose_row_is_gone_is_not_written_to() -> None:
    assert Reason.UNKNOWN_CONTRACTOR in reasons(facts(known=False))


@pytest.mark.parametrize(
    ("verdict", "thresholds", "expected"),
    [
        ("none", {}, {Reason.NO_PHONE}),
        ("impossible", {}, {Reason.IMPOSSIBLE_PHONE}),
        ("local_only", {}, set()),
        ("local_only", {"phone_check": "strict"}, {Reason.IMPOSSIBLE_PHONE}),
        ("possible", {"phone_check": "strict"}, set()),
        (None, {}, {Reason.UNEVALUATED}),
        ("splendid", {}, {Reason.UNEVALUATED}),
    ],
)
def test_a_number_must_be_there_and_possible(verdict: Any, thresholds: dict[str, Any], expected: set[Reason]) -> None:
    assert reasons(facts(phone_verdict=verdict), **thresholds) == expected


def test_a_pause_without_an_end_holds() -> None:
    (finding,) = findings(facts(paused=True))

    assert (finding.reason, finding.observed, finding.clears_at) == (Reason.PAUSED, "no end", None)


def test_a_pause_holds_until_its_last_microsecond() -> None:
    until = NOW + timedelta(microseconds=1)

    (finding,) = findings(facts(paused=True, paused_until=until))

    assert (finding.reason, finding.clears_at) == (Reason.PAUSED, until)


def test_a_pause_that_ends_now_is_over() -> None:
    assert reasons(facts(paused=True, paused_until=NOW)) == set()


def test_the_end_of_a_pause_that_was_lifted_says_nothing() -> None:
    assert reasons(facts(paused=False, paused_until=NOW + timedelta(days=9))) == set()


def test_a_message_that_still_waits_blocks() -> None:
    (finding,) = findings(facts(waiting_message_id=7))

    assert (finding.reason, finding.observed) == (Reason.UNDELIVERED, "message 7")


def test_after_exactly_forty_eight_hours_the_next_message_may_go() -> None:
    assert reasons(sent(timedelta(hours=48))) == set()


def test_a_microsecond_before_it_may_not_and_it_is_known_when_it_may() -> None:
    (finding,) = findings(sent(timedelta(hours=48) - timedelta(microseconds=1)))

    assert (finding.reason, finding.observed, finding.limit) == (Reason.GAP, 48.0, 48)
    assert finding.clears_at == NOW + timedelta(microseconds=1)


def test_a_message_from_the_future_counts_as_contact() -> None:
    assert reasons(sent(timedelta(hours=-1))) == {Reason.GAP}


def test_three_ignored_in_a_row_pause_for_seven_days_from_the_last_of_them() -> None:
    (finding,) = findings(ignored(3, timedelta(days=7) - timedelta(microseconds=1)))

    assert (finding.reason, finding.observed, finding.limit) == (Reason.IGNORED, 3, 3)
    assert finding.clears_at == NOW + timedelta(microseconds=1)


def test_after_exactly_seven_days_they_are_asked_again() -> None:
    assert reasons(ignored(3, timedelta(days=7))) == set()


def test_two_ignored_are_not_three() -> None:
    assert reasons(ignored(2, timedelta(days=3))) == set()


def test_one_response_among_the_last_three_starts_the_count_again() -> None:
    assert reasons(ignored(3, timedelta(days=3), recent_unanswered=2)) == set()


def test_a_promised_message_since_then_does_not_lengthen_the_pause() -> None:
    assert reasons(ignored(3, timedelta(days=7), last_sent_at=NOW - timedelta(days=3))) == set()


@pytest.mark.parametrize(
    ("score", "expected"),
    [(20, set()), (19, {Reason.LOW_TRUST}), (0, {Reason.LOW_TRUST}), (100, set()), (None, set())],
)
def test_trust_below_twenty_blocks_and_none_counts_as_fifty(score: int | None, expected: set[Reason]) -> None:
    assert reasons(facts(trust_score=score)) == expected


def test_what_counts_without_a_score_is_a_setting() -> None:
    (finding,) = findings(facts(), trust_without_record=10)

    assert (finding.reason, finding.observed, finding.limit) == (Reason.LOW_TRUST, 10, 20)


def test_a_row_that_changed_after_its_hour_says_nothing_about_it() -> None:
    assert reasons(facts(changed_since=True)) == {Reason.CHANGED_SINCE}


def test_at_night_a_message_waits_for_eight_o_clock() -> None:
    (finding,) = findings(facts(timezone="Asia/Tokyo"))

    assert (finding.reason, finding.observed, finding.limit) == (Reason.QUIET_HOURS, "Asia/Tokyo", "08:00-21:00")
    assert finding.clears_at == datetime(2026, 1, 14, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize("zone", [None, "", "Mars/Olympus"])
def test_without_a_zone_a_message_waits_until_it_is_day_everywhere(zone: str | None) -> None:
    frame = frame_of(facts(timezone=zone))

    early = screen(frame, Settings(), now=datetime(2026, 1, 14, 17, 59, tzinfo=UTC))
    late = screen(frame, Settings(), now=datetime(2026, 1, 14, 18, 0, tzinfo=UTC))

    assert [finding.clears_at for finding in early[0]] == [datetime(2026, 1, 14, 18, tzinfo=UTC)]
    assert late == {}


def test_every_reason_is_found_and_not_only_the_first() -> None:
    found = reasons(facts(**ALL_WRONG))

    # One number is either missing or impossible, one consent either missing or revoked.
    never = {Reason.UNEVALUATED, Reason.OUTRANKED, Reason.IMPOSSIBLE_PHONE, Reason.CONSENT_REVOKED}
    assert found == set(Reason) - never


def test_a_promised_message_is_kept_back_by_these_only() -> None:
    found = reasons(facts(**ALL_WRONG, promised=True))

    assert found == {
        Reason.UNKNOWN_CONTRACTOR,
        Reason.NO_PHONE,
        Reason.SUPPRESSED,
        Reason.CONSENT_UNKNOWN,
        Reason.PAUSED,
        Reason.CAP_STATE,
        Reason.CHANGED_SINCE,
        Reason.QUIET_HOURS,
    }


def test_every_reason_that_is_given_says_what_it_does() -> None:
    assert set(RULES) == set(Reason) - {Reason.OUTRANKED}


def test_each_row_gets_its_own_answer() -> None:
    frame = frame_of(facts(), facts(trust_score=1), facts(timezone="Asia/Tokyo"), facts(phone_verdict="none"))

    found = screen(frame, Settings(), now=NOW)

    assert {index: [each.reason for each in said] for index, said in found.items()} == {
        1: [Reason.LOW_TRUST],
        2: [Reason.QUIET_HOURS],
        3: [Reason.NO_PHONE],
    }


BREAKING = {
    "unknown_contractor": ("known", None),
    "phone": ("phone_verdict", "splendid"),
    "suppressed": ("suppressed", None),
    "consent": ("consent", "perhaps"),
    "paused": ("paused", None),
    "undelivered": ("waiting_message_id", "seven"),
    "gap": ("last_sent_at", "yesterday"),
    "ignored": ("recent_sent", "three"),
    "complaints": ("complaints", "three"),
    "caps": ("sent_30_days", "ten"),
    "changed_since": ("changed_since", None),
    "quiet_hours": ("timezone", ["no", "zone"]),
}


SENT = {"sent_day": 10, "sent_week": 10, "sent_30_days": 10, "recent_times": [NOW - timedelta(hours=1)] * 10}
SENT |= {"recent_types": ["check_in"] * 10}
# For each reason: facts that give it, the fact that is then broken, with what, and the safeguard that must say no.
INPUTS: dict[Reason, tuple[dict[str, Any], str, Any, str]] = {
    Reason.UNKNOWN_CONTRACTOR: ({"known": False}, "known", None, "unknown_contractor"),
    Reason.NO_PHONE: ({"phone_verdict": "none"}, "phone_verdict", "splendid", "phone"),
    Reason.IMPOSSIBLE_PHONE: ({"phone_verdict": "impossible"}, "phone_verdict", None, "phone"),
    Reason.SUPPRESSED: ({"suppressed": True}, "suppressed", None, "suppressed"),
    Reason.CONSENT_REVOKED: ({"consent": "revoked"}, "consent", "perhaps", "consent"),
    Reason.CONSENT_UNKNOWN: ({"consent_needed": True}, "consent_needed", None, "consent"),
    Reason.PAUSED: ({"paused": True}, "paused", None, "paused"),
    Reason.UNDELIVERED: ({"waiting_message_id": 7}, "waiting_message_id", "seven", "undelivered"),
    Reason.GAP: ({"last_sent_at": NOW - timedelta(hours=1)}, "last_sent_at", "yesterday", "gap"),
    Reason.IGNORED: (
        {"recent_sent": 3, "recent_unanswered": 3, "recent_last_sent_at": NOW},
        "recent_unanswered",
        None,
        "ignored",
    ),
    Reason.LOW_TRUST: ({"trust_score": 10}, "trust_score", "low", "low_trust"),
    Reason.COMPLAINTS: ({"complaints": 3, "complained_at": NOW}, "complained_at", None, "complaints"),
    Reason.CAP_DAY: (SENT, "sent_day", None, "caps"),
    Reason.CAP_WEEK: (SENT, "sent_week", None, "caps"),
    Reason.CAP_30_DAYS: (SENT, "sent_30_days", None, "caps"),
    Reason.CAP_TYPE: (SENT, "recent_types", None, "cap_of_type"),
    Reason.CAP_STATE: (SENT | {"phone_state": "FL"}, "phone_state", "Ontario", "cap_of_state"),
    Reason.CHANGED_SINCE: ({"changed_since": True}, "changed_since", None, "changed_since"),
    Reason.QUIET_HOURS: ({"timezone": "Asia/Tokyo"}, "timezone", ["no", "zone"], "quiet_hours"),
}
# These are no answers about a contractor: what takes the place of one, and what the batch itself decides.
NO_INPUT = {Reason.UNEVALUATED, Reason.OUTRANKED}


def test_every_reason_has_an_input_that_is_broken_below() -> None:
    assert set(INPUTS) == set(Reason) - NO_INPUT


@pytest.mark.parametrize("reason", INPUTS)
def test_a_reason_whose_input_breaks_still_blocks(reason: Reason) -> None:
    over, column, garbage, safeguard = INPUTS[reason]
    frame = frame_of(facts(**over), facts())
    assert reason in {each.reason for each in screen(frame, Settings(), now=NOW)[0]}

    found = screen(breaking(frame, column, index=0, garbage=garbage), Settings(), now=NOW)

    assert (Reason.UNEVALUATED, safeguard) in {(each.reason, each.observed) for each in found[0]}
    assert RULES[Reason.UNEVALUATED].promised_too
    assert set(found) == {0}


# What more than one safeguard reads silences all of these.
TOGETHER = {
    "low_trust": ("trust_score", "low", {"gap", "low_trust"}),
    "cap_of_type": ("sent_week", None, {"caps", "cap_of_type"}),
    "cap_of_state": ("phone_state", "Ontario", {"cap_of_state", "quiet_hours"}),
}


def test_every_safeguard_is_broken_below() -> None:
    assert {*BREAKING, *TOGETHER} == {safeguard.check.__name__ for safeguard in SAFEGUARDS}


@pytest.mark.parametrize(("name", "broken"), BREAKING.items(), ids=list(BREAKING))
def test_a_safeguard_that_cannot_be_evaluated_blocks_that_row_and_no_other(name: str, broken: tuple[str, Any]) -> None:
    column, garbage = broken
    frame = frame_of(facts(), facts(), facts(phone_verdict="none"))

    found = screen(breaking(frame, column, index=1, garbage=garbage), Settings(), now=NOW)

    assert [(each.reason, each.observed) for each in found[1]] == [(Reason.UNEVALUATED, name)]
    assert set(found) == {1, 2}
    assert [each.reason for each in found[2]] == [Reason.NO_PHONE]


@pytest.mark.parametrize(("column", "garbage", "silenced"), TOGETHER.values(), ids=list(TOGETHER))
def test_what_several_safeguards_read_silences_each_of_them(column: str, garbage: Any, silenced: set[str]) -> None:
    frame = frame_of(facts(), facts())

    found = screen(breaking(frame, column, index=1, garbage=garbage), Settings(trust_tiers=True), now=NOW)

    assert {each.observed for each in found[1]} == silenced
    assert set(found) == {1}


@pytest.mark.parametrize("column", sorted(set(facts()) - {"contractor_id", "promised"}))
def test_without_a_column_nobody_is_written_to(column: str) -> None:
    frame = frame_of(facts(), facts()).drop(columns=[column])

    found = screen(frame, Settings(), now=NOW)

    assert set(found) == {0, 1}


def test_a_message_whose_time_is_missing_counts_as_contact() -> None:
    (finding,) = findings(facts(last_message_id=6))

    assert (finding.reason, finding.observed) == (Reason.UNEVALUATED, "gap")


def test_a_time_without_a_message_counts_as_contact() -> None:
    assert reasons(facts(last_sent_at=NOW - timedelta(hours=1))) == {Reason.GAP}


def test_ignored_messages_whose_time_is_missing_count_as_new() -> None:
    found = findings(ignored(3, timedelta(days=30), recent_last_sent_at=None))

    assert [(each.reason, each.observed) for each in found] == [(Reason.UNEVALUATED, "ignored")]


WRONG_FOR: dict[str, dict[str, Any]] = {
    "unknown_contractor": {"known": False},
    "phone": {"phone_verdict": "none"},
    "suppressed": {"suppressed": True},
    "consent": {"consent_needed": True},
    "paused": {"paused": True, "paused_until": NOW + timedelta(days=1)},
    "undelivered": {"waiting_message_id": 7},
    "gap": {"last_message_id": 6, "last_sent_at": NOW - timedelta(hours=1)},
    "ignored": {
        "last_message_id": 6,
        "last_sent_at": NOW - timedelta(days=3),
        "recent_sent": 3,
        "recent_unanswered": 3,
        "recent_last_sent_at": NOW - timedelta(days=3),
    },
    "low_trust": {"trust_score": 3},
    "complaints": {"complaints": 3, "complained_at": NOW - timedelta(days=1)},
    "caps": {
        "sent_day": 2,
        "sent_week": 2,
        "sent_30_days": 2,
        "recent_times": [NOW - timedelta(hours=1)] * 2,
        "recent_types": ["celebration", "encouragement"],
    },
    "cap_of_state": {
        "phone_state": "FL",
        "sent_day": 3,
        "sent_week": 3,
        "sent_30_days": 3,
        "recent_times": [NOW - timedelta(hours=1)] * 3,
        "recent_types": ["celebration"] * 3,
        "promised": True,
    },
    "changed_since": {"changed_since": True},
}
# Where nothing is an answer of its own: nothing waits, no score was ever given.
NONE_IS_AN_ANSWER = {
    ("undelivered", "waiting_message_id"),
    ("low_trust", "trust_score"),
    ("cap_of_state", "phone_state"),
}
GARBAGE = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.none(), max_size=1),
    st.just(float("nan")),
    st.binary(max_size=3),
    st.just(object()),
)


@settings(max_examples=60, deadline=None)
@given(
    wrong=st.sampled_from(sorted(WRONG_FOR)),
    column=st.sampled_from(sorted(set(facts()) - {"contractor_id", "timezone"})),
    garbage=GARBAGE,
    others=st.integers(0, 2),
)
def test_no_garbage_in_any_column_frees_a_blocked_row_or_touches_another(
    wrong: str, column: str, garbage: Any, others: int
) -> None:
    missing = garbage is None or isinstance(garbage, float)
    frame = frame_of(facts(**WRONG_FOR[wrong]), *[facts() for _ in range(others)])

    found = screen(breaking(frame, column, index=0, garbage=garbage), Settings(), now=NOW)

    assert found.get(0) or (missing and (wrong, column) in NONE_IS_AN_ANSWER)
    assert set(found) <= {0}


@pytest.mark.parametrize("column", sorted(set(facts()) - {"contractor_id", "timezone", "promised"}))
@pytest.mark.parametrize("wrong", sorted(WRONG_FOR))
def test_no_missing_column_frees_a_blocked_row(wrong: str, column: str) -> None:
    frame = frame_of(facts(**WRONG_FOR[wrong])).drop(columns=[column])

    assert screen(frame, Settings(), now=NOW)[0]


def test_whether_a_message_is_promised_must_be_known() -> None:
    with pytest.raises(KeyError, match="promised"):
        screen(frame_of(facts()).drop(columns=["promised"]), Settings(), now=NOW)


MOMENTS = st.one_of(st.none(), st.integers(-40 * 24, 48).map(lambda hours: NOW + timedelta(hours=hours)))
COUNTS = st.integers(0, 12)


@settings(max_examples=60, deadline=None)
@given(
    over=st.fixed_dictionaries(
        {
            "promised": st.booleans(),
            "paused": st.booleans(),
            "paused_until": MOMENTS,
            "last_message_id": st.one_of(st.none(), st.integers(1, 9)),
            "last_sent_at": MOMENTS,
            "waiting_message_id": st.one_of(st.none(), st.integers(1, 9)),
            "recent_sent": COUNTS,
            "recent_unanswered": COUNTS,
            "recent_last_sent_at": MOMENTS,
            "trust_score": st.one_of(st.none(), st.integers(0, 100)),
            "complaints": COUNTS,
            "complained_at": MOMENTS,
            "sent_day": COUNTS,
            "phone_verdict": st.sampled_from(["possible", "none", "local_only", "impossible"]),
            "consent": st.sampled_from(["given", "revoked", "none"]),
            "consent_needed": st.booleans(),
            "timezone": st.sampled_from([None, "", "Asia/Tokyo", "America/New_York"]),
            "phone_state": st.sampled_from([None, "FL", "TX"]),
        }
    ),
    others=st.integers(0, 2),
)
def test_a_row_that_is_about_to_be_sent_is_judged_as_it_would_be_in_a_batch(over: dict[str, Any], others: int) -> None:
    row = facts(**over)

    in_a_batch = screen(frame_of(*[facts() for _ in range(others)], row), Settings(), now=NOW)
    (alone,) = judge([row], Settings(), now=NOW)

    assert in_a_batch.get(others, []) == alone
