"""The circuit as a value: when it opens, when it is tried, when it closes, and what is told."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ige_pipeline.delivery.circuit import HALF_OPEN_AFTER, LIMITED, LONGEST_HOLD, Circuit, Seen, after, news
from ige_pipeline_tests.delivery.fakes import NOON

OPEN = Circuit("open", "http_503", NOON, NOON + HALF_OPEN_AFTER)
SEEN = st.builds(
    lambda calls, failed, fault, probe, wait: Seen(calls, min(calls, failed), "http_503", fault, probe, wait),
    st.integers(1, 40),
    st.integers(0, 40),
    st.sampled_from([None, None, None, "http_404", "dns_error"]),
    st.sampled_from([None, None, True, False]),
    st.sampled_from([None, None, None, timedelta(0), timedelta(seconds=40), timedelta(days=1)]),
)


@pytest.mark.parametrize(
    ("calls", "failures", "opens"),
    [(9, 9, False), (10, 6, False), (10, 7, True), (100, 69, False), (100, 70, True), (1, 0, False)],
)
def test_it_opens_at_seven_in_ten_of_at_least_ten_calls(calls: int, failures: int, *, opens: bool) -> None:
    circuit = after(Circuit(), Seen(calls, failures, "http_503"), now=NOON)

    assert (circuit.state == "open") is opens
    assert (circuit.probe_at == NOON + timedelta(seconds=30)) is opens


def test_it_opens_at_the_first_fault_and_is_tried_after_half_a_minute() -> None:
    circuit = after(Circuit(), Seen(1, 1, "http_404", fault="http_404"), now=NOON)

    assert circuit == Circuit("open", "http_404", NOON, NOON + timedelta(seconds=30))


@pytest.mark.parametrize(("minutes", "at_once"), [(4.9, True), (5, False)])
def test_a_fault_right_after_others_were_accepted_is_tried_at_once(minutes: float, *, at_once: bool) -> None:
    known = Circuit(accepted_at=NOON - timedelta(minutes=minutes))

    circuit = after(known, Seen(2, 1, "http_404", fault="http_404"), now=NOON)

    assert circuit.state == "open"
    assert (circuit.probe_at == NOON) is at_once


def test_a_probe_that_came_through_closes_it_and_one_that_did_not_waits_for_another_half_minute() -> None:
    half_open = Circuit("half_open", "http_404", NOON - timedelta(hours=1), NOON, accepted_at=NOON)

    assert after(half_open, Seen(1, 0, probe=True), now=NOON) == Circuit(accepted_at=NOON)
    again = after(half_open, Seen(1, 1, "dns_error", fault="dns_error", probe=False), now=NOON)
    assert (again.state, again.reason, again.probe_at) == ("open", "dns_error", NOON + HALF_OPEN_AFTER)
    assert again.opened_at == half_open.opened_at


@given(SEEN.filter(lambda seen: seen.probe is None))
def test_while_it_is_open_nothing_but_the_probe_closes_it_or_moves_its_time(seen: Seen) -> None:
    circuit = after(OPEN, seen, now=NOON + timedelta(seconds=3))

    longer = NOON + timedelta(seconds=3) + min(seen.wait or timedelta(0), LONGEST_HOLD)
    assert circuit.probe_at == (max(OPEN.probe_at or longer, longer) if seen.wait else OPEN.probe_at)
    assert (circuit.state, circuit.reason, circuit.opened_at) == (OPEN.state, OPEN.reason, OPEN.opened_at)


@given(st.lists(SEEN, max_size=30))
def test_whatever_is_seen_it_is_whole_and_never_silently_disabled(all_seen: list[Seen]) -> None:
    circuit, now = Circuit(), NOON
    for seen in all_seen:
        before, now = circuit, now + timedelta(seconds=7)
        circuit = after(before, seen, now=now)

        assert (circuit.state == "closed") is (circuit.probe_at is None) is (circuit.opened_at is None)
        if before.state == "closed" and (seen.fault or (seen.calls >= 10 and seen.failures * 10 >= seen.calls * 7)):
            assert circuit.state == "open"
            assert "circuit_open" in {kind for kind, _ in news(before, circuit, seen, endpoint="host")}
        if seen.wait and before.state == "closed":
            assert circuit.state == "open"
        if before.state != "closed" and circuit.state == "closed":
            assert seen.probe is True
            assert not seen.wait


def test_each_level_is_told_once_until_few_fail_again() -> None:
    circuit, told = Circuit(), []
    for failures in (4, 5, 6, 5, 4, 5):
        seen = Seen(10, failures, "http_503")
        before, circuit = circuit, after(circuit, seen, now=NOON)
        told.append([kind for kind, _ in news(before, circuit, seen, endpoint="host")])

    assert told == [[], ["failing_50"], [], [], [], ["failing_50"]]


def test_all_levels_are_told() -> None:
    circuit, told = Circuit(), []
    for failures in (50, 70, 90, 100):
        seen = Seen(100, failures, "http_503")
        before, circuit = circuit, after(circuit, seen, now=NOON)
        told += [kind for kind, _ in news(before, circuit, seen, endpoint="host")]

    assert told == ["failing_50", "circuit_open", "failing_70", "failing_90", "failing_100"]


def asked_to_wait(**wait: float) -> Seen:
    return Seen(3, 0, wait=timedelta(**wait))


@pytest.mark.parametrize(("asked", "waits"), [(77, 77), (900, 900), (86_400, 900)])
def test_who_asks_us_to_wait_is_not_posted_to_for_as_long_but_for_a_quarter_of_an_hour_at_most(
    asked: float, waits: float
) -> None:
    held = after(Circuit(accepted_at=NOON), asked_to_wait(seconds=asked), now=NOON)

    assert (held.state, held.reason, held.limited) == ("open", LIMITED, True)
    assert held.probe_at == NOON + timedelta(seconds=waits)


def test_to_wait_for_no_time_is_not_to_wait() -> None:
    assert after(Circuit(), asked_to_wait(seconds=0), now=NOON) == Circuit()


def test_an_answer_that_was_under_way_may_ask_for_a_longer_wait_and_counts_as_the_same() -> None:
    held = after(Circuit(), asked_to_wait(seconds=60), now=NOON)

    later = after(held, asked_to_wait(seconds=300), now=NOON)

    assert (later.probe_at, later.waits) == (NOON + timedelta(seconds=300), 1)
    assert after(later, asked_to_wait(seconds=5), now=NOON) == later


def test_a_probe_that_is_asked_to_wait_did_not_come_through_and_each_wait_in_a_row_is_counted() -> None:
    held = after(Circuit(), asked_to_wait(seconds=30), now=NOON)
    probing = replace(held, state="half_open")

    again = after(probing, Seen(1, 0, probe=False, wait=timedelta(seconds=60)), now=NOON)

    assert (again.state, again.waits, again.probe_at) == ("open", 2, NOON + timedelta(seconds=60))
    assert again.opened_at == held.opened_at
    assert after(replace(again, state="half_open"), Seen(1, 0, probe=True), now=NOON) == Circuit()


def test_a_short_wait_is_no_news_three_in_a_row_are_told_once_and_what_is_wrong_after_them_too() -> None:
    limited = Seen(1, 0, probe=False, wait=timedelta(seconds=30))
    wrong = Seen(1, 1, "http_404", fault="http_404", probe=False)
    circuit, told = Circuit(), []
    for seen in [*[limited] * 4, wrong]:
        before, circuit = circuit, after(circuit, seen, now=NOON)
        told.append([kind for kind, _ in news(before, circuit, seen, endpoint="host")])
        circuit = replace(circuit, state="half_open")

    assert told == [[], [], ["rate_limited"], [], ["circuit_open"]]
