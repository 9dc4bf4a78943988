"""At the moment of sending every safeguard is asked again, about this one message."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ige_pipeline.delivery.outbox import Outbox
from ige_pipeline.delivery.outcome import Cancelled, Dead, Outcome, Postponed
from ige_pipeline.delivery.rescreen import rescreen, weigh
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.reason import Reason
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import NOON, asleep, awake, in_minutes, make_lease
from ige_pipeline_tests.delivery.outboxes import claimed, claimed_in_a_while, outbox_on, waiting
from ige_pipeline_tests.factories import ago, make_contractor, make_message, make_sent_message, make_trust


def screened(conn: Connection, url: str, **settings: Any) -> Outcome | None:
    """Claim the next message and ask the safeguards about it."""
    with outbox_on(url, **settings) as outbox:
        return asked(conn, outbox, **settings)


def asked(conn: Connection, outbox: Outbox, **settings: Any) -> Outcome | None:
    return rescreen(conn, [claimed_in_a_while(outbox)], Settings(**settings), consent_needed=False)[0]


def words(outcome: Outcome | None) -> set[str]:
    assert isinstance(outcome, Postponed | Cancelled)
    return {reason["reason"] for reason in outcome.reasons}


def test_a_message_that_nothing_speaks_against_may_go(conn: Connection, database_url: str) -> None:
    waiting(conn)

    assert screened(conn, database_url) is None


@pytest.mark.parametrize(
    ("over", "outcome"),
    [
        ({"phone": None}, Dead("no_phone")),
        ({"phone": ""}, Dead("no_phone")),
        ({"phone": "call me"}, Dead("impossible_phone")),
    ],
)
def test_nobody_can_be_reached_without_a_number(
    conn: Connection, database_url: str, over: dict[str, Any], outcome: Outcome
) -> None:
    make_message(conn, make_contractor(conn, timezone=awake(), **over))

    assert screened(conn, database_url) == outcome


@pytest.mark.parametrize("contractor_id", [None, 4_000_000])
def test_a_message_to_nobody_is_dead(conn: Connection, database_url: str, contractor_id: int | None) -> None:
    make_message(conn, contractor_id)

    assert screened(conn, database_url) == Dead("unknown_contractor")


def test_quiet_hours_postpone_until_they_end(conn: Connection, database_url: str) -> None:
    make_message(conn, make_contractor(conn, timezone=asleep()))

    outcome = screened(conn, database_url)

    assert words(outcome) == {"quiet_hours"}
    assert isinstance(outcome, Postponed)
    assert outcome.until is not None
    wait = outcome.until - datetime.now(UTC)
    assert timedelta(hours=5) < wait <= timedelta(hours=6)
    assert outcome.until.minute == 0


@pytest.mark.parametrize(
    ("until", "clears"),
    [(in_minutes(90), True), (None, False), ("infinity", False), ("9999-12-31", False)],
)
def test_a_pause_postpones_to_its_end_or_for_a_quarter_of_an_hour(
    conn: Connection, database_url: str, until: object, *, clears: bool
) -> None:
    waiting(conn)
    conn.execute("UPDATE contractors SET ai_proactive_paused = true, ai_pause_until = %s", [until])

    outcome = screened(conn, database_url)

    assert words(outcome) == {"paused"}
    assert isinstance(outcome, Postponed)
    assert (outcome.until is not None) is clears
    assert outcome.delay == timedelta(minutes=15)


def test_a_message_sent_meanwhile_postpones_until_the_gap_has_passed(conn: Connection, database_url: str) -> None:
    contractor = make_contractor(conn, timezone=awake())
    make_sent_message(conn, contractor, sent_at=ago(hours=47), attempts=1)
    make_message(conn, contractor)

    outcome = screened(conn, database_url)

    assert words(outcome) == {"gap"}
    assert isinstance(outcome, Postponed)
    assert outcome.until is not None
    assert abs(outcome.until - in_minutes(60)) < timedelta(minutes=1)


def test_two_messages_that_wait_do_not_block_one_another_for_ever(conn: Connection, database_url: str) -> None:
    contractor = make_contractor(conn, timezone=awake())
    make_message(conn, contractor)
    make_message(conn, contractor)

    assert screened(conn, database_url) is None


def test_trust_that_was_lost_meanwhile_cancels(conn: Connection, database_url: str) -> None:
    contractor = make_contractor(conn, timezone=awake())
    make_trust(conn, contractor, 3)
    make_message(conn, contractor)

    assert words(screened(conn, database_url)) == {"low_trust"}


def test_a_promised_message_keeps_to_quiet_hours_and_pauses_but_not_to_the_gap(
    conn: Connection, database_url: str
) -> None:
    contractor = make_contractor(conn, timezone=awake())
    make_sent_message(conn, contractor, sent_at=ago(hours=1), attempts=1)
    make_message(conn, contractor, source_message_type="reminder")
    assert screened(conn, database_url) is None

    conn.execute("UPDATE contractors SET ai_proactive_paused = true")
    assert words(screened(conn, database_url)) == {"paused"}


def test_all_reasons_are_kept_and_the_wait_is_the_longest_of_them(conn: Connection, database_url: str) -> None:
    contractor = make_contractor(
        conn, timezone=asleep(), ai_proactive_paused=True, ai_pause_until=ago(hours=-30).replace(tzinfo=None)
    )
    make_sent_message(conn, contractor, sent_at=ago(hours=40), attempts=1)
    make_message(conn, contractor)

    outcome = screened(conn, database_url)

    assert words(outcome) == {"quiet_hours", "paused", "gap"}
    assert isinstance(outcome, Postponed)
    assert outcome.until is not None
    assert outcome.until - datetime.now(UTC) > timedelta(hours=29)


def test_what_cannot_be_evaluated_postpones_this_message_and_does_not_end_the_run(conn: Connection) -> None:
    beyond_any_bigint = make_lease(contractor_id=10**30)

    (outcome,) = rescreen(conn, [beyond_any_bigint], Settings())

    assert words(outcome) == {"unevaluated"}
    assert isinstance(outcome, Postponed)
    assert outcome.until is None


def finding(reason: Reason, clears_at: datetime | None = None) -> Finding:
    return Finding(reason, observed=1, limit=2, clears_at=clears_at)


def test_the_gravest_effect_decides() -> None:
    gap, trust, phone = (finding(each) for each in (Reason.GAP, Reason.LOW_TRUST, Reason.NO_PHONE))

    assert weigh([]) is None
    assert isinstance(weigh([gap]), Postponed)
    assert isinstance(weigh([gap, trust]), Cancelled)
    assert weigh([gap, trust, phone]) == Dead("no_phone")


def test_where_one_reason_does_not_say_when_it_clears_nobody_can_say_it_for_all() -> None:
    known, unknown = finding(Reason.GAP, NOON), finding(Reason.PAUSED)

    outcome = weigh([known, unknown])

    assert isinstance(outcome, Postponed)
    assert outcome.until is None


def test_every_reason_that_can_be_given_has_an_effect_at_sending() -> None:
    for reason in set(Reason) - {Reason.OUTRANKED}:
        assert weigh([finding(reason)]) is not None


def test_what_cannot_be_evaluated_for_one_of_many_postpones_none_of_the_others(
    conn: Connection, database_url: str
) -> None:
    waiting(conn)
    make_message(conn, make_contractor(conn, timezone=awake(), phone=None))
    with outbox_on(database_url) as outbox:
        fine, numberless = claimed(outbox), claimed(outbox)
    beyond_any_bigint = make_lease(contractor_id=10**30)

    found = rescreen(conn, [fine, beyond_any_bigint, numberless], Settings(), consent_needed=False)

    assert found[0] is None
    assert words(found[1]) == {"unevaluated"}
    assert found[2] == Dead("no_phone")


def test_of_two_messages_to_one_number_that_are_sent_together_the_first_goes(
    conn: Connection, database_url: str
) -> None:
    for priority in (90, 10):
        twin = make_contractor(conn, timezone=awake(), phone="+12125550177")
        make_message(conn, twin, priority=priority)
    with outbox_on(database_url) as outbox:
        first, second = claimed(outbox), claimed(outbox)

    found = rescreen(conn, [first, second], Settings(), consent_needed=False)

    assert found[0] is None
    assert words(found[1]) == {"undelivered"}


def test_a_delivery_run_never_imports_pandas() -> None:
    code = "import sys, ige_pipeline.delivery.rescreen; sys.exit('pandas' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - our own words
