from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ige_pipeline.delivery.backoff import MAX_ATTEMPTS, Try, backoff, decide
from ige_pipeline.delivery.outcome import Ambiguous, Dead, Delivered, EndpointFault, Outcome, Retry
from ige_pipeline.delivery.reply import Answered, Broken, Lost, Unreached
from ige_pipeline_tests.delivery.fakes import NOON

STEPS = {
    1: timedelta(seconds=5),
    2: timedelta(minutes=5),
    3: timedelta(minutes=30),
    4: timedelta(hours=2),
    5: timedelta(hours=5),
    6: timedelta(hours=10),
}
ENDPOINT_IS_WRONG = {401, 403, 404, 405, 410, *range(100, 200), *range(300, 400)}
TRY_AGAIN = {408, 425, *range(500, 600)}


def a_try(attempt: int = 1, **over: float) -> Try:
    return Try(attempt, NOON, over.get("jitter", 0.5), int(over.get("rate_limited", 0)))


def expected(status: int) -> Outcome:
    """Say the table of the outcomes once more, in other words than the code's."""
    if status in range(200, 300):
        return Delivered()
    if status == 429:
        return Retry(timedelta(seconds=30), "http_429", spends_attempt=False)
    if status in ENDPOINT_IS_WRONG:
        return EndpointFault(f"http_{status}")
    return Retry(STEPS[1], f"http_{status}") if status in TRY_AGAIN else Dead(f"http_{status}")


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_has_one_outcome(status: int) -> None:
    assert decide(Answered(status), a_try()) == expected(status)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Unreached("ConnectError"), Retry(STEPS[1], "ConnectError")),
        (Lost("ReadTimeout"), Ambiguous(STEPS[1], "ReadTimeout")),
        (Broken("dns_error"), EndpointFault("dns_error")),
        (Broken("tls_error"), EndpointFault("tls_error")),
    ],
)
def test_what_never_was_an_answer_has_an_outcome_too(reply: Unreached | Lost | Broken, outcome: Outcome) -> None:
    assert decide(reply, a_try()) == outcome


@pytest.mark.parametrize("attempt", [1, MAX_ATTEMPTS])
@pytest.mark.parametrize("reply", [Answered(500), Answered(408), Unreached("ConnectError")])
def test_a_probe_that_fails_says_nothing_of_its_message_and_gives_the_attempt_back(
    reply: Answered | Unreached, attempt: int
) -> None:
    outcome = decide(reply, Try(attempt, NOON, 0.5, probe=True))

    assert isinstance(outcome, Retry)
    assert not outcome.spends_attempt
    assert outcome.delay == timedelta(seconds=30)


@pytest.mark.parametrize("attempt", [1, 3, MAX_ATTEMPTS])
def test_a_probe_whose_answer_was_lost_keeps_its_attempt_and_waits_longer_each_time_for_it_may_have_arrived(
    attempt: int,
) -> None:
    waits = [
        decide(Lost("ReadTimeout"), Try(attempt, NOON, 0.5, probe=True, lost=lost)) for lost in range(MAX_ATTEMPTS + 1)
    ]

    at_least = timedelta(seconds=30)
    steps = [max(STEPS[min(lost + 1, 6)], at_least) for lost in range(MAX_ATTEMPTS + 1)]
    assert waits == [Ambiguous(step, "ReadTimeout", spends_attempt=False) for step in steps]


def test_a_probe_waits_as_long_as_the_endpoint_asks() -> None:
    busy = Answered(503, {"retry-after": "300"})

    assert decide(busy, Try(1, NOON, 0.5, probe=True)) == Retry(timedelta(minutes=5), "http_503", spends_attempt=False)


@pytest.mark.parametrize("reply", [Answered(500), Answered(408), Unreached("ConnectError"), Lost("ReadTimeout")])
def test_the_seventh_failure_is_the_last(reply: Answered | Unreached | Lost) -> None:
    assert decide(reply, a_try(MAX_ATTEMPTS)) == Dead("attempts_exhausted")
    assert decide(reply, a_try(MAX_ATTEMPTS - 1)) != Dead("attempts_exhausted")


@pytest.mark.parametrize("reply", [Answered(429), Answered(404), Broken("dns_error")])
def test_what_is_not_the_messages_fault_never_ends_it(reply: Answered | Broken) -> None:
    assert not isinstance(decide(reply, a_try(MAX_ATTEMPTS)), Dead)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("  90 ", timedelta(seconds=90)),
        (format_datetime(NOON + timedelta(minutes=7), usegmt=True), timedelta(minutes=7)),
        ("999999999999999999999", timedelta(days=1)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=1)),
    ],
)
def test_retry_after_is_obeyed_up_to_a_day(status: int, header: str, wait: timedelta) -> None:
    outcome = decide(Answered(status, {"retry-after": header}), a_try())

    assert isinstance(outcome, Retry)
    assert outcome.delay == wait


@pytest.mark.parametrize(
    "header",
    [
        "",
        "soon",
        "-5",
        "1.5",
        "0x10",
        "\u0663",
        "Mon, 99 Foo 2026",
        "1" + "e" * 5000,
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "0",
    ],
)
def test_a_retry_after_that_makes_no_sense_or_lies_behind_shortens_no_wait(header: str) -> None:
    limited = decide(Answered(429, {"retry-after": header}), a_try())
    failed = decide(Answered(503, {"retry-after": header}), a_try())

    assert limited == Retry(timedelta(seconds=30), "http_429", spends_attempt=False)
    assert failed == Retry(STEPS[1], "http_503")


def test_retry_after_is_a_lower_bound_not_a_shortcut() -> None:
    outcome = decide(Answered(503, {"retry-after": "10"}), a_try(4))

    assert outcome == Retry(STEPS[4], "http_503")


def test_rate_limits_without_a_time_double_to_a_quarter_of_an_hour_although_no_attempt_is_spent() -> None:
    waits = [decide(Answered(429), a_try(1, rate_limited=met)) for met in range(8)]

    assert [outcome.delay.total_seconds() for outcome in waits if isinstance(outcome, Retry)] == [
        30, 60, 120, 240, 480, 900, 900, 900,
    ]  # fmt: skip


@given(st.integers(1, 6), st.floats(0, 1, exclude_max=True))
def test_jitter_stays_within_a_fifth(attempt: int, jitter: float) -> None:
    wait = backoff(Try(attempt, NOON, jitter))

    assert STEPS[attempt] * 0.8 <= wait <= STEPS[attempt] * 1.2


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True), st.text(), st.integers(0, 10_000))
def test_whatever_the_header_says_a_wait_is_positive_and_bounded(
    attempt: int, jitter: float, header: str, met: int
) -> None:
    this = Try(attempt, NOON, jitter, met)

    for status in (429, 503):
        outcome = decide(Answered(status, {"retry-after": header}), this)
        if isinstance(outcome, Retry):
            assert timedelta(0) < outcome.delay <= timedelta(days=1)
