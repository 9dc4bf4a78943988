"""The loop, over fakes: pace, claim, screen, last look, post, settle, count."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from ige_pipeline.delivery.backoff import MAX_ATTEMPTS
from ige_pipeline.delivery.circuit import Circuit
from ige_pipeline.delivery.deliver import require_permission
from ige_pipeline.delivery.ending import HELD_UP, STOPPED
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.look import LOOKS, good_until
from ige_pipeline.delivery.outbox import Standing
from ige_pipeline.delivery.outcome import Dead, Delivered, EndpointFault, Outcome, Postponed, Retry
from ige_pipeline.delivery.reply import Answered, Broken, Refused, Unreached
from ige_pipeline.delivery.settlement import Ended, Sent
from ige_pipeline.delivery.slots import Landed
from ige_pipeline.delivery.tally import seen
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import (
    ACCEPTED,
    NOON,
    FakeClock,
    FakeEndpoint,
    FakeOutbox,
    FakeSlots,
    deliver_from,
    leases,
    make_lease,
)

GAP = Postponed(({"reason": "gap", "observed": 3, "limit": 48},))


def test_what_is_due_is_posted_in_order_and_counted() -> None:
    outbox, endpoint = FakeOutbox(leases(3)), FakeEndpoint()

    report = deliver_from(outbox, endpoint)

    assert endpoint.posted == [1, 2, 3]
    assert outbox.settled == [(1, Delivered()), (2, Delivered()), (3, Delivered())]
    assert (report.posted, dict(report.counts)) == (3, {"Delivered": 3})
    assert dict(report.delivered_by_hour) == {make_lease().batch_hour: 3}


def test_the_limit_counts_posts_and_not_what_ended_without_one() -> None:
    outbox, endpoint = FakeOutbox(leases(10)), FakeEndpoint()

    def odd_ones_wait(leases: Sequence[Lease]) -> list[Outcome | None]:
        return [GAP if lease.message_id % 2 else None for lease in leases]

    report = deliver_from(outbox, endpoint, screen=odd_ones_wait, limit=3)

    assert endpoint.posted == [2, 4, 6]
    assert dict(report.counts) == {"Postponed": 3, "Delivered": 3}
    assert len(outbox.due) == 4


def test_a_post_that_failed_uses_up_the_limit() -> None:
    report = deliver_from(FakeOutbox(leases(5)), FakeEndpoint(Answered(500)), limit=2)

    assert dict(report.counts) == {"Retry": 2}


def test_each_post_waits_for_its_moment_and_what_is_not_posted_uses_none_up() -> None:
    clock = FakeClock()

    def first_ones_wait(leases: Sequence[Lease]) -> list[Outcome | None]:
        return [GAP if lease.message_id <= 5 else None for lease in leases]

    deliver_from(FakeOutbox(leases(7), wait_s=2), FakeEndpoint(), screen=first_ones_wait, clock=clock)

    waits = [round(seconds, 3) for seconds in clock.naps]
    assert waits == [1.5, 0.5, 1.5, 0.5, 1.5], "Two for each of two POSTs, and one until nothing is left."


def test_the_moment_is_waited_for_before_the_claim_but_for_what_a_claim_takes_so_that_no_lease_grows_old() -> None:
    seen: list[tuple[int, float]] = []
    outbox = FakeOutbox(leases(1), wait_s=2)

    class LookingClock(FakeClock):
        def nap(self, seconds: float) -> None:
            seen.append((len(outbox.due), round(seconds, 3)))
            super().nap(seconds)

    deliver_from(outbox, FakeEndpoint(), clock=LookingClock())

    assert seen == [(1, 1.5), (0, 0.5), (0, 1.5)]


@pytest.mark.parametrize("reply", [Broken("dns_error"), Answered(404), Answered(302), Answered(401)])
def test_an_endpoint_that_is_wrong_stops_the_run_at_its_first_message_and_loses_none(reply: Answered | Broken) -> None:
    outbox = FakeOutbox(leases(5))

    report = deliver_from(outbox, FakeEndpoint(reply))

    assert report.fault is not None
    assert report.posted == 1
    assert [type(outcome) for _, outcome in outbox.settled] == [EndpointFault]
    assert len(outbox.due) == 4


def test_failures_of_single_messages_stop_nobody() -> None:
    replies = [Answered(500), Answered(422), ACCEPTED]
    outbox = FakeOutbox(leases(3))

    report = deliver_from(outbox, FakeEndpoint(*replies))

    assert report.fault is None
    assert [type(outcome) for _, outcome in outbox.settled] == [Retry, Dead, Delivered]


def test_who_asks_us_to_wait_is_posted_nothing_more_and_the_run_has_not_failed() -> None:
    outbox = FakeOutbox(leases(5))

    report = deliver_from(outbox, FakeEndpoint(ACCEPTED, Answered(429, {"retry-after": "120"})))

    assert report.fault is None
    assert (report.posted, report.circuit.limited) == (2, True)
    assert report.circuit.probe_at == NOON + timedelta(minutes=2)
    assert outbox.settled == [(1, Delivered()), (2, Retry(timedelta(minutes=2), "http_429", spends_attempt=False))]


def test_a_message_that_alone_is_asked_to_wait_holds_nobody_up() -> None:
    alone, *others = leases(4)
    outbox = FakeOutbox([replace(alone, limited_alone=True), *others])

    report = deliver_from(outbox, FakeEndpoint(Answered(429), ACCEPTED))

    assert dict(report.counts) == {"Retry": 1, "Delivered": 3}


def test_a_message_that_kept_killing_its_worker_is_not_posted_again() -> None:
    outbox, endpoint = FakeOutbox([make_lease(attempt=MAX_ATTEMPTS + 1)]), FakeEndpoint()

    report = deliver_from(outbox, endpoint)

    assert endpoint.posted == []
    assert outbox.settled == [(1, Dead("attempts_exhausted"))]
    assert report.posted == 0


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_an_empty_text_is_dead_and_not_posted(text: str) -> None:
    outbox, endpoint = FakeOutbox([make_lease(message=text)]), FakeEndpoint()

    deliver_from(outbox, endpoint)

    assert endpoint.posted == []
    assert outbox.settled == [(1, Dead("empty_text"))]


def test_a_stop_is_seen_before_every_post_ends_the_run_and_gives_the_message_back_at_once() -> None:
    outbox, endpoint = FakeOutbox(leases(5), stop_after=2), FakeEndpoint()

    report = deliver_from(outbox, endpoint)

    assert endpoint.posted == [1, 2]
    assert report.stopped
    message_id, outcome = outbox.settled[-1]
    assert message_id == 3
    assert isinstance(outcome, Postponed)
    assert outcome.delay == timedelta(0)
    assert len(outbox.due) == 2, "A stop of a minute must not touch the whole backlog."


@pytest.mark.parametrize("per_second", [0.5, 50, 400])
def test_a_stop_is_seen_before_every_post_whatever_the_pace_and_the_slots(per_second: float) -> None:
    outbox, endpoint, clock = FakeOutbox(leases(9), stop_after=3), FakeEndpoint(), FakeClock()

    deliver_from(
        outbox, endpoint, per_second=per_second, clock=clock, slots=FakeSlots(endpoint, clock, count=9, takes_s=1)
    )

    assert endpoint.posted == [1, 2, 3]
    given_back = [outcome for _, outcome in outbox.settled if isinstance(outcome, Postponed)]
    assert {outcome.reasons[0]["reason"] for outcome in given_back} == {"stopped"}
    assert len(given_back) + len(outbox.due) == 6


def far_away(look_takes_s: float, *, connects_in_s: float = 0, due: int = 2) -> tuple[FakeOutbox, FakeSlots]:
    """An outbox whose database, and slots whose webhook, take their time."""
    clock = FakeClock()
    slots = FakeSlots(FakeEndpoint(), clock, count=2)
    slots.connects_in_s = connects_in_s
    return FakeOutbox(leases(due), look_takes_s=look_takes_s), slots


@pytest.mark.parametrize("look_takes_s", [0.3, 1.5])
def test_behind_a_database_far_away_what_is_due_is_sent(look_takes_s: float) -> None:
    outbox, slots = far_away(look_takes_s)

    deliver_from(outbox, slots.endpoint, clock=slots.watch, slots=slots)

    assert slots.endpoint.posted == [1, 2]
    assert [outcome for _, outcome in outbox.settled] == [Delivered(), Delivered()]


def test_where_no_look_is_ever_fresh_the_run_ends_with_a_sentence_and_everything_is_still_due() -> None:
    outbox, slots = far_away(2.5, due=1)

    with pytest.raises(Refusal, match="Nothing could be sent in time after the last look"):
        deliver_from(outbox, slots.endpoint, clock=slots.watch, slots=slots)

    assert (slots.endpoint.posted, outbox.looks) == ([], LOOKS)
    assert [outcome for _, outcome in outbox.settled] == [HELD_UP]


def test_what_was_connected_only_when_its_look_was_old_goes_after_another_look_and_counts_once() -> None:
    outbox, slots = far_away(0.01, connects_in_s=1, due=1)
    outbox.on_look = lambda: setattr(slots, "connects_in_s", 0 if outbox.looks > 1 else 1)

    report = deliver_from(outbox, slots.endpoint, clock=slots.watch, slots=slots)

    assert (slots.endpoint.posted, outbox.looks, report.posted) == ([1], 2, 1)


def test_a_stop_that_comes_while_we_connect_lets_nothing_out() -> None:
    outbox, slots = far_away(0.01, connects_in_s=1, due=1)
    outbox.stop_after = 1

    report = deliver_from(outbox, slots.endpoint, clock=slots.watch, slots=slots)

    assert (slots.endpoint.posted, report.posted, report.stopped) == ([], 0, True)
    assert [outcome for _, outcome in outbox.settled] == [STOPPED]


def test_what_hung_for_long_after_its_claim_is_given_back_so_that_the_safeguards_are_asked_again() -> None:
    outbox, slots = far_away(0.01, connects_in_s=1, due=1)
    outbox.due = [make_lease(claimed_at=NOON - timedelta(seconds=16))]

    report = deliver_from(outbox, slots.endpoint, clock=slots.watch, slots=slots)

    assert (slots.endpoint.posted, report.posted) == ([], 0)
    assert [outcome for _, outcome in outbox.settled] == [HELD_UP]


@pytest.mark.parametrize(
    ("answered", "until"), [(10.0, 10.25), (11.0, 11.25), (11.9, 12.0), (20.0, 12.0)], ids=lambda each: f"{each:g}"
)
def test_a_look_holds_for_a_moment_after_its_answer_but_never_for_long_after_its_question(
    answered: float, until: float
) -> None:
    assert good_until(asked=10.0, answered=answered) == until


def test_what_was_claimed_when_the_circuit_opened_is_not_posted() -> None:
    outbox, endpoint, clock = FakeOutbox(leases(3)), FakeEndpoint(Answered(404)), FakeClock()
    slots = FakeSlots(endpoint, clock, count=3, takes_s=0.01)

    report = deliver_from(outbox, endpoint, per_second=50, clock=clock, slots=slots)

    assert endpoint.posted == [1]
    assert report.fault == "http_404"
    assert [outcome.reasons[0]["reason"] for _, outcome in outbox.settled if isinstance(outcome, Postponed)] == [
        "endpoint_paused"
    ]


def test_a_lease_that_was_lost_while_we_looked_is_not_posted_and_counted_apart() -> None:
    outbox, endpoint = FakeOutbox(leases(2)), FakeEndpoint()
    outbox.lost = {1}

    report = deliver_from(outbox, endpoint)

    assert endpoint.posted == [2]
    assert dict(report.counts) == {"LeaseLost": 1, "Delivered": 1}
    assert sum(report.delivered_by_hour.values()) == 1


def test_each_message_goes_out_under_its_own_key() -> None:
    endpoint = FakeEndpoint()
    lease = make_lease()

    deliver_from(FakeOutbox([lease]), endpoint)

    assert endpoint.keys == [str(lease.idempotency_key)]


def test_as_many_are_under_way_as_there_are_slots_and_a_slow_answer_delays_no_other() -> None:
    outbox, endpoint, clock = FakeOutbox(leases(7), wait_s=2), FakeEndpoint(), FakeClock()
    slots = FakeSlots(endpoint, clock, count=3, takes_s=5)

    report = deliver_from(outbox, endpoint, clock=clock, slots=slots)

    assert report.counts == {"Delivered": 7}
    assert slots.most == 3
    assert clock.now < 7 * 5, "One after the other they would take 35 s."


def test_no_more_is_claimed_than_slots_are_free_and_the_limit_allows() -> None:
    outbox, endpoint, clock = FakeOutbox(leases(9)), FakeEndpoint(), FakeClock()

    report = deliver_from(outbox, endpoint, limit=5, clock=clock, slots=FakeSlots(endpoint, clock, count=4, takes_s=1))

    assert report.posted == 5
    assert max(outbox.claims) <= 4
    assert len(outbox.due) == 4


def test_what_comes_back_is_written_down_before_the_next_moment_of_the_pace() -> None:
    outbox, endpoint, clock = FakeOutbox(leases(2), wait_s=2), FakeEndpoint(), FakeClock()
    written: list[tuple[float, int]] = []

    class Watching(FakeSlots):
        def landed(self, *, within_s: float) -> list[Landed]:
            written.append((clock.now, len(outbox.settled)))
            return super().landed(within_s=within_s)

    deliver_from(outbox, endpoint, clock=clock, slots=Watching(endpoint, clock, count=2, takes_s=0.5))

    assert (2.5, 1) in written, "Half a second after it was posted, and not when the pace allows the next."


def test_an_answer_that_is_still_to_come_when_the_limit_is_reached_is_waited_for() -> None:
    outbox, endpoint, clock = FakeOutbox(leases(3)), FakeEndpoint(), FakeClock()

    report = deliver_from(outbox, endpoint, limit=2, clock=clock, slots=FakeSlots(endpoint, clock, count=5, takes_s=9))

    assert report.counts == {"Delivered": 2}


@pytest.mark.parametrize("fault", [Answered(404), Broken("tls_error")])
def test_where_others_were_accepted_just_now_another_message_is_tried_at_once(fault: Answered | Broken) -> None:
    outbox = FakeOutbox(leases(5))

    report = deliver_from(outbox, FakeEndpoint(ACCEPTED, fault, ACCEPTED))

    assert [type(outcome) for _, outcome in outbox.settled] == [Delivered, EndpointFault, *[Delivered] * 3]
    assert report.fault is None


def test_a_probe_that_fails_too_ends_the_run() -> None:
    outbox = FakeOutbox(leases(5))

    report = deliver_from(outbox, FakeEndpoint(ACCEPTED, Answered(404)))

    assert [type(outcome) for _, outcome in outbox.settled] == [Delivered, EndpointFault, EndpointFault]
    assert report.fault == "http_404"


def test_a_run_that_is_left_nothing_because_another_opened_the_circuit_says_so() -> None:
    class OpenedByAnother(FakeOutbox):
        def claim(self, at_most: int = 1, *, probing: bool = False) -> list[Lease]:
            if len(self.claims) == 2:
                self.circuit = Circuit("open", "http_404", NOON, NOON + timedelta(seconds=30))
            return super().claim(at_most, probing=probing)

    report = deliver_from(outbox := OpenedByAnother(leases(5)), FakeEndpoint())

    assert (report.posted, len(outbox.due)) == (2, 3)
    assert (report.fault, report.circuit.state) == ("http_404", "open")


def test_while_the_circuit_is_open_nothing_is_claimed() -> None:
    outbox, endpoint = FakeOutbox(leases(5)), FakeEndpoint()
    outbox.circuit = Circuit("open", "http_404", NOON, NOON + timedelta(seconds=30))

    report = deliver_from(outbox, endpoint)

    assert (endpoint.posted, outbox.claims) == ([], [])
    assert (report.fault, report.circuit.state) == ("http_404", "open")


def test_a_probe_goes_alone_and_the_others_follow_when_it_came_through() -> None:
    outbox, endpoint, clock = FakeOutbox(leases(4)), FakeEndpoint(), FakeClock()
    outbox.circuit = Circuit("open", "http_503", NOON, NOON)

    report = deliver_from(outbox, endpoint, clock=clock, slots=FakeSlots(endpoint, clock, count=4, takes_s=1))

    assert outbox.claims[0] == 1
    assert report.counts == {"Delivered": 4}
    assert clock.now >= 2, "The probe is waited for."


def test_a_probe_for_which_nothing_is_due_is_given_back() -> None:
    outbox = FakeOutbox([])
    outbox.circuit = Circuit("open", "http_503", NOON, NOON)

    deliver_from(outbox, FakeEndpoint())

    assert (outbox.circuit.state, outbox.circuit.probe_at) == ("open", NOON)


@pytest.mark.parametrize("reply", [Answered(503), Answered(408), Unreached("ConnectError")])
def test_a_probe_that_fails_costs_its_message_no_attempt_however_many_it_had(reply: Answered | Unreached) -> None:
    outbox = FakeOutbox([make_lease(attempt=MAX_ATTEMPTS)])
    outbox.circuit = Circuit("open", "http_503", NOON, NOON)

    report = deliver_from(outbox, FakeEndpoint(reply))

    ((_, outcome),) = outbox.settled
    assert isinstance(outcome, Retry)
    assert not outcome.spends_attempt
    assert report.circuit.state == "open"


def test_a_probe_that_was_not_posted_lets_the_next_message_be_tried_at_once() -> None:
    outbox = FakeOutbox(leases(3))
    outbox.circuit = Circuit("open", "http_503", NOON, NOON)

    report = deliver_from(outbox, FakeEndpoint(Refused("payload_too_large"), ACCEPTED))

    assert [type(outcome) for _, outcome in outbox.settled] == [Dead, Delivered, Delivered]
    assert report.circuit.state == "closed"


def test_where_no_message_can_be_the_probe_another_run_may_look_at_once() -> None:
    outbox = FakeOutbox(leases(2))
    outbox.circuit = Circuit("open", "http_503", NOON, NOON)

    deliver_from(outbox, FakeEndpoint(), screen=lambda leases: [GAP for _ in leases])

    assert (outbox.circuit.state, outbox.circuit.probe_at) == ("open", NOON)


def test_a_probe_whose_post_broke_our_own_loop_lets_another_run_look_at_once() -> None:
    outbox, clock = FakeOutbox(leases(1)), FakeClock()
    outbox.circuit = Circuit("open", "http_503", NOON, NOON)

    class Breaking(FakeSlots):
        def landed(self, *, within_s: float) -> list[Landed]:
            return [replace(each, sent=None, error=MemoryError()) for each in super().landed(within_s=within_s)]

    with pytest.raises(MemoryError):
        deliver_from(outbox, FakeEndpoint(), clock=clock, slots=Breaking(FakeEndpoint(), clock, count=1))

    assert outbox.circuit.state == "open"


@pytest.mark.parametrize(
    ("error", "minutes"),
    [
        (KeyError("a fact"), 15),
        (psycopg.errors.LockNotAvailable("timeout"), 15),
        (KeyboardInterrupt(), 15),
        # Nobody answered: nothing is known against the message, and the next run asks again.
        (psycopg.OperationalError("the connection is lost"), 0),
        (psycopg.errors.AdminShutdown("terminating"), 0),
        (psycopg.InterfaceError("the connection is closed"), 0),
    ],
    ids=lambda each: type(each).__name__,
)
def test_when_the_safeguards_cannot_answer_the_run_ends_and_every_message_keeps_its_attempt(
    error: BaseException, minutes: int
) -> None:
    outbox, endpoint, clock = FakeOutbox(leases(3)), FakeEndpoint(), FakeClock()

    def fails(_leases: Sequence[Lease]) -> list[Outcome | None]:
        raise error

    with pytest.raises(type(error)):
        deliver_from(outbox, endpoint, screen=fails, slots=FakeSlots(endpoint, clock, count=3), clock=clock)

    assert endpoint.posted == []
    assert [message_id for message_id, _ in outbox.settled] == [1]
    for _, outcome in outbox.settled:
        assert isinstance(outcome, Postponed)
        assert [reason["reason"] for reason in outcome.reasons] == ["unevaluated"]
        assert outcome.delay == timedelta(minutes=minutes)


def test_a_message_that_alone_finds_the_endpoint_wrong_dies_of_it_and_opens_nothing() -> None:
    outbox = FakeOutbox([make_lease(suspect=True), make_lease(message_id=2, attempt=MAX_ATTEMPTS, suspect=True)])

    report = deliver_from(outbox, FakeEndpoint(Answered(404)))

    assert [type(outcome) for _, outcome in outbox.settled] == [Retry, Dead]
    assert report.fault is None


def a_standing(**over: bool | str | None) -> Standing:
    values = {"adopted": True, "stopped": False, "stop_reason": None, "other_sender": False} | over
    return Standing(**values)  # type: ignore[arg-type] # a test's shorthand


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        (
            a_standing(stopped=True, stop_reason="wrong texts"),
            "All sending is stopped (wrong texts): `ige start` lifts",
        ),
        (a_standing(other_sender=True), "Another program marked messages as sent within the last hour: "),
    ],
)
def test_a_run_that_may_not_send_says_so_in_one_sentence(now: Standing, sentence: str) -> None:
    with pytest.raises(Refusal) as refused:
        require_permission(now, Settings())

    assert str(refused.value).startswith(sentence)


def test_who_is_sure_that_nobody_else_sends_may_say_so_but_a_stop_is_a_stop() -> None:
    sure = Settings(ignore_other_sender=True)

    require_permission(a_standing(other_sender=True), sure)
    with pytest.raises(Refusal):
        require_permission(a_standing(other_sender=True, stopped=True), sure)


def test_one_whose_run_died_is_weighed_when_all_others_are_over_so_that_no_safeguard_is_out_of_date() -> None:
    outbox = FakeOutbox([*leases(1), make_lease(message_id=2, contractor_id=2, survivor=True)])
    endpoint, clock = FakeEndpoint(), FakeClock()
    slots = FakeSlots(endpoint, clock, count=5, takes_s=9)
    under_way: list[int] = []

    def screen(leases: Sequence[Lease]) -> list[Outcome | None]:
        under_way.append(slots.busy)
        return [None for _ in leases]

    deliver_from(outbox, endpoint, screen=screen, clock=clock, slots=slots)

    assert under_way == [0, 0]


def test_a_suspect_that_is_answered_as_before_tells_of_itself_and_not_of_the_endpoint() -> None:
    sent = Sent(NOON, 5, Answered(404))
    suspect = Ended(make_lease(suspect=True), Retry(timedelta(seconds=5), "http_404"), sent)
    other = Ended(make_lease(), EndpointFault("http_404"), sent)

    assert (seen([suspect]).calls, seen([suspect]).failures, seen([suspect]).fault) == (1, 0, None)
    assert (seen([suspect, other]).failures, seen([suspect, other]).fault) == (1, "http_404")


def test_a_probe_that_may_come_again_at_once_did_not_come_through() -> None:
    at_once = Retry(timedelta(0), "http_429", spends_attempt=False)

    told = seen([Ended(make_lease(), at_once, Sent(NOON, 5, Answered(429, {"retry-after": "0"})), probe=True)])

    assert (told.calls, told.failures, told.probe, told.wait) == (1, 0, False, timedelta(0))
