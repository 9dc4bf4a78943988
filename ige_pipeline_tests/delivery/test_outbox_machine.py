"""Any sequence of what runs, people and time do to the outbox keeps its promises.

Runs claim, post, settle, find the endpoint wrong and die; people pause, opt out, stop, cancel, redrive and retire; time
passes. `IGE_TEST_EXAMPLES` says how many sequences; `make machine` runs thousands. Each day draws others, and says by
which seed they are drawn again.
"""

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ige_pipeline.delivery.backoff import MAX_ATTEMPTS
from ige_pipeline.delivery.breaker import Breaker
from ige_pipeline.delivery.cancel import cancel
from ige_pipeline.delivery.circuit import Circuit
from ige_pipeline.delivery.dead import redrive
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.look import LastLook
from ige_pipeline.delivery.outbox import Outbox, expire_stale
from ige_pipeline.delivery.outcome import (
    Ambiguous,
    Cancelled,
    Dead,
    Delivered,
    EndpointFault,
    Outcome,
    Postponed,
    Retry,
)
from ige_pipeline.delivery.reply import Answered, Lost, Reply
from ige_pipeline.delivery.rescreen import rescreen
from ige_pipeline.delivery.retire import bring_back, retire
from ige_pipeline.delivery.run import Run
from ige_pipeline.delivery.settlement import Ended, Sent, Settled
from ige_pipeline.delivery.switches import set_stop
from ige_pipeline.delivery.tally import DeliveryReport
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import (
    ACCEPTED,
    NOON,
    FakeBreaker,
    FakeClock,
    FakeEndpoint,
    FakeMarks,
    FakeOutbox,
    FakeSlots,
    Naps,
    awake,
)
from ige_pipeline_tests.delivery.outboxes import SENT, claim, outbox_on, settle
from ige_pipeline_tests.factories import fetch, make_contractor, make_message

EXAMPLES = int(os.environ.get("IGE_TEST_EXAMPLES", "25"))
SEED = int(os.environ.get("IGE_TEST_SEED") or f"{datetime.now(UTC):%Y%m%d}")
SOON = timedelta(hours=1)
LIVE = {"due", "waits", "leased", "sent"}
RUNS = st.sampled_from(["one", "two"])
REPLIES = st.sampled_from([ACCEPTED, ACCEPTED, Answered(500), Lost("ReadTimeout")])
ENDPOINT = "host:1"
ANSWERS = st.sampled_from([ACCEPTED, Answered(500), Answered(404), Answered(422)])
OUTCOMES: list[tuple[Outcome, Sent | None, str]] = [
    (Delivered(), SENT, "sent"),
    (Retry(SOON, "http_500"), Sent(NOON, 1, Answered(500)), "waits"),
    (Retry(SOON, "http_429", spends_attempt=False), Sent(NOON, 1, Answered(429)), "waits"),
    (Ambiguous(SOON, "ReadTimeout"), Sent(NOON, 1, Lost("ReadTimeout")), "waits"),
    (EndpointFault("http_404"), Sent(NOON, 1, Answered(404)), "due"),
    (Postponed(({"reason": "gap", "observed": 1, "limit": 48},), delay=SOON), None, "waits"),
    (Cancelled(({"reason": "low_trust", "observed": 1, "limit": 20},)), None, "cancelled"),
    (Dead("http_400"), Sent(NOON, 1, Answered(400)), "dead"),
]
STATE = """
SELECT id, contractor_id, idempotency_key, attempts, lease_token,
       CASE WHEN sent_at IS NOT NULL THEN 'sent' WHEN dead_at IS NOT NULL THEN 'dead'
            WHEN cancelled_at IS NOT NULL THEN 'cancelled' WHEN expired_at IS NOT NULL THEN 'expired'
            WHEN lease_token IS NOT NULL THEN 'leased' WHEN next_attempt_at > now() THEN 'waits' ELSE 'due' END AS state
  FROM ai_proactive_messages"""
FREE = """
SELECT
  FROM ai_proactive_messages
 WHERE id = %s AND idempotency_key = %s AND lease_token IS NULL
   AND sent_at IS NULL AND dead_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL"""
EXPLAINED = """
SELECT m.id FROM ai_proactive_messages m
 WHERE num_nonnulls(sent_at::timestamptz, dead_at, cancelled_at, expired_at) > 0
   AND NOT EXISTS (SELECT FROM ige_delivery_attempts a WHERE a.message_id = m.id AND a.outcome = CASE
       WHEN m.sent_at IS NOT NULL THEN 'Delivered' WHEN m.dead_at IS NOT NULL THEN 'Dead'
       WHEN m.cancelled_at IS NOT NULL THEN 'Cancelled' ELSE 'Expired' END)"""

# Locks of owners of leases: ige_pipeline/delivery/life.py.
HELD = """
SELECT count(*) AS held FROM pg_locks
 WHERE locktype = 'advisory' AND classid = 366
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


@dataclass
class Known:
    """What the model believes of a message."""

    contractor: int
    priority: int
    state: str = "due"
    attempts: int = 0
    key: UUID | None = None
    holder: str | None = None
    accepted: bool = False
    occurrence: str | None = None
    found_wrong: int = 0


class Held(FakeOutbox):
    """A real outbox for a run that has claimed one message already and looks no further."""

    def __init__(self, outbox: Outbox, lease: Lease) -> None:
        super().__init__([lease])
        self._outbox = outbox

    def may_post(self, leases: Sequence[Lease]) -> LastLook:
        return self._outbox.may_post(leases)

    def settle(self, ended: Sequence[Ended]) -> dict[int, Settled]:
        super().settle(ended)
        return self._outbox.settle(ended)


class OutboxMachine(RuleBasedStateMachine):
    """Two runs over one outbox, three contractors, and a model in a dict."""

    url: str
    leases = Bundle("leases")

    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        self.conn: Connection = self.stack.enter_context(connect(self.url))
        self.conn.execute("TRUNCATE contractors, ai_proactive_messages, ige_delivery_attempts, ige_decisions, "
                          "ige_suppressions, ige_retired_messages, ige_circuits, ige_endpoint_calls, ige_alerts, "
                          "ige_pace")  # fmt: skip
        self.people = [make_contractor(self.conn, timezone=awake()) for _ in range(3)]
        self.model: dict[int, Known] = {}
        self.current: dict[int, Lease] = {}
        self.paused: set[int] = set()
        self.opted_out: set[int] = set()
        self.stopped = False
        # Steps are counted: a message that found the endpoint wrong is suspected once others were accepted after it.
        self.step, self.accepted = 0, 0
        set_stop(self.conn, on=False, reason=None, who="test")
        self.runs: dict[str, tuple[ExitStack, Outbox]] = {}
        for name in ("one", "two"):
            self._open(name)
        for who in range(3):
            self.enqueue(who, priority=50, occurrence=None)

    def _open(self, name: str) -> None:
        stack = ExitStack()
        self.runs[name] = (stack, stack.enter_context(outbox_on(self.url, run_id=name, gone_for_s=0)))

    @rule(who=st.integers(0, 2), priority=st.integers(0, 99), occurrence=st.sampled_from([None, "first", "second"]))
    def enqueue(self, who: int, priority: int, occurrence: str | None) -> None:
        if self._taken(occurrence):
            return
        about = {"trigger_name": "test", "dedupe_key": f"test:{occurrence}"} if occurrence else {}
        message_id = make_message(self.conn, self.people[who], priority=priority, **about)
        self.model[message_id] = Known(self.people[who], priority, occurrence=occurrence)

    def _taken(self, occurrence: str | None) -> bool:
        return any(k.state in LIVE and k.occurrence == occurrence for k in self.model.values() if k.occurrence)

    @rule(target=leases, run=RUNS)
    def claim(self, run: str) -> Any:
        lease = self._claim(run)
        return multiple() if lease is None else lease

    def _claim(self, run: str) -> Lease | None:
        busy = {known.contractor for known in self.model.values() if known.state == "leased"}
        free = {id_ for id_, known in self.model.items() if known.state == "due" and known.contractor not in busy}

        open_ = self.conn.execute("SELECT FROM ige_circuits WHERE state <> 'closed'").rowcount > 0

        lease = claim(self.runs[run][1])

        assert (lease is None) is (open_ or not free)
        if lease is None:
            return None
        assert lease.message_id in free
        # What outlived two runs lets the others go first, but for every tenth claim.
        worn = {row["id"] for row in self.conn.execute("SELECT id FROM ai_proactive_messages WHERE deaths > 1")}
        rivals = free & worn if lease.message_id in worn else free - worn
        assert self.model[lease.message_id].priority == max(self.model[id_].priority for id_ in rivals)
        return self._leased(lease, run)

    def _leased(self, lease: Lease, run: str) -> Lease:
        known = self.model[lease.message_id]
        assert lease.attempt == known.attempts + 1
        assert known.key in {None, lease.idempotency_key}
        self.current[lease.message_id] = lease
        known.state, known.holder, known.key, known.attempts = "leased", run, lease.idempotency_key, lease.attempt
        return lease

    def _is_current(self, lease: Lease) -> bool:
        row = self.conn.execute("SELECT lease_token FROM ai_proactive_messages WHERE id = %s", [lease.message_id])
        return bool((row.fetchone() or {})["lease_token"] == lease.token)

    def _accepted_late(self, lease: Lease, outcome: Outcome) -> bool:
        """Whether this settles a row that nobody holds: accepted under its key, it was sent, whoever says so."""
        row = self.conn.execute(FREE, [lease.message_id, lease.idempotency_key])
        return isinstance(outcome, Delivered) and row.rowcount == 1

    @precondition(lambda self: self._held())
    @rule(nth=st.integers(0, 2), end=st.sampled_from(OUTCOMES))
    def settle(self, nth: int, end: tuple[Outcome, Sent | None, str]) -> None:
        held = self._held()
        id_ = held[nth % len(held)]
        self.settle_by_whoever(self.current[id_], self.model[id_].holder or "one", end)

    @rule(lease=leases, run=RUNS, end=st.sampled_from(OUTCOMES))
    def settle_by_whoever(self, lease: Lease, run: str, end: tuple[Outcome, Sent | None, str]) -> None:
        outcome, sent, state = end
        current, late = self._is_current(lease), self._accepted_late(lease, outcome)
        known = self.model[lease.message_id]

        assert settle(self.runs[run][1], lease, outcome, sent) is (current or late)

        if late:
            known.state, known.holder = state, None
        if current:
            gives_back = isinstance(outcome, Postponed | Cancelled | EndpointFault)
            gives_back |= not getattr(outcome, "spends_attempt", True)
            known.state, known.holder, known.attempts = state, None, known.attempts - gives_back
        if isinstance(outcome, EndpointFault):
            self.model[lease.message_id].found_wrong = self._next_step()

    def _next_step(self) -> int:
        self.step += 1
        return self.step

    @rule(lease=leases, end=st.sampled_from(OUTCOMES))
    def settle_with_a_stale_token(self, lease: Lease, end: tuple[Outcome, Sent | None, str]) -> None:
        self.settle_by_whoever(replace(lease, token=uuid4()), "one", end)

    @rule(lease=leases)
    def settle_as_accepted_with_a_stale_token_and_another_key(self, lease: Lease) -> None:
        stranger = replace(lease, token=uuid4(), idempotency_key=uuid4())
        assert not settle(self.runs["one"][1], stranger, Delivered(), SENT)

    @precondition(lambda self: self._held())
    @rule(nth=st.integers(0, 2), reply=REPLIES)
    def post(self, nth: int, reply: Reply) -> None:
        held = self._held()
        id_ = held[nth % len(held)]
        self.post_by_whoever(self.current[id_], self.model[id_].holder or "one", reply)

    @precondition(lambda self: not self._held())
    @rule(run=RUNS, reply=REPLIES)
    def claim_and_post(self, run: str, reply: Reply) -> None:
        if (lease := self._claim(run)) is not None:
            self.post_by_whoever(lease, run, reply)

    def _held(self) -> list[int]:
        return [id_ for id_, known in self.model.items() if known.state == "leased"]

    @rule(lease=leases, run=RUNS, reply=REPLIES)
    def post_by_whoever(self, lease: Lease, run: str, reply: Reply) -> None:
        current, endpoint, held = self._is_current(lease), FakeEndpoint(reply), Held(self.runs[run][1], lease)
        known = self.model[lease.message_id]

        report = self._work(held, endpoint, FakeBreaker(held))

        assert report.counts["LeaseLost"] == (not current)
        assert not (endpoint.posted and not current), "Posted without a lease."
        assert not (endpoint.posted and known.contractor in self.paused), "Posted to somebody who is paused."
        assert not (endpoint.posted and known.contractor in self.opted_out), "Posted to somebody who opted out."
        assert not (endpoint.posted and self.stopped), "Posted while all sending was stopped."
        if current:
            self._posted(known, held.settled[-1][1], accepted=bool(endpoint.posted) and reply == ACCEPTED)
            # A first retry is due after five seconds, which a busy machine may take for a step.
            self.conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = next_attempt_at + interval '1 hour' "
                              "WHERE id = %s", [lease.message_id])  # fmt: skip

    def _work(self, outbox: Outbox, endpoint: FakeEndpoint, breaker: Breaker, *, limit: int = 1) -> DeliveryReport:
        report, clock, asked = DeliveryReport(), FakeClock(), Settings(max_messages_per_run=limit)
        Run(
            outbox,
            FakeSlots(endpoint, clock, count=2, takes_s=1),
            breaker,
            FakeMarks(outbox, breaker),
            screen=lambda leases: rescreen(self.conn, leases, asked, consent_needed=False),
            settings=asked,
            report=report,
            clock=clock,
        ).work()
        return report

    @rule(run=RUNS, reply=ANSWERS, limit=st.integers(1, 3))
    def a_whole_run(self, run: str, reply: Answered, limit: int) -> None:
        endpoint, breaker = FakeEndpoint(reply), Breaker(self.conn, endpoint=ENDPOINT, lease_seconds=60)
        circuit = breaker.read()

        self._work(self.runs[run][1], endpoint, breaker, limit=limit)

        assert len(endpoint.posted) <= limit
        assert {self.model[each].state for each in endpoint.posted} <= {"due"}
        assert not {self.model[each].contractor for each in endpoint.posted} & (self.paused | self.opted_out)
        assert not (endpoint.posted and self.stopped), "Posted while all sending was stopped."
        if circuit.probe_at is not None and circuit.probe_at > datetime.now(UTC):
            assert not endpoint.posted, "Posted while the circuit was open."
        assert breaker.read().state != "half_open", "A run that ends gives its probe back."
        self._take_over(endpoint.posted, reply, probe=endpoint.posted[0] if self._was_open(circuit, endpoint) else None)

    @rule(run=RUNS, reply=st.sampled_from([Answered(404), Answered(500)]), limit=st.integers(1, 3))
    def a_run_while_the_endpoint_is_wrong_or_down(self, run: str, reply: Answered, limit: int) -> None:
        """What `a_whole_run` rarely comes to: nothing is stopped, and half a minute lies behind the last probe."""
        self.stop(on=False)
        self.half_a_minute_passes()
        self.a_whole_run(run, reply, limit)

    def _was_open(self, circuit: Circuit, endpoint: FakeEndpoint) -> bool:
        return circuit.state != "closed" and bool(endpoint.posted)

    def _take_over(self, posted: Sequence[int], reply: Answered, *, probe: int | None) -> None:
        """Let the model learn what the run did, if it is what must become of a message that was answered so."""
        # A first retry is due after five seconds, which a busy machine may take for a step.
        self.conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = next_attempt_at + interval '1 hour' "
                          "WHERE next_attempt_at > now() AND sent_at IS NULL")  # fmt: skip
        rows = self.conn.execute(STATE).fetchall()
        reached = {row["contractor_id"] for row in rows if row["state"] == "sent"}
        for row in rows:
            known = self.model[row["id"]]
            if row["id"] in posted:
                state, spent = self._must_become(known, reply, probe=row["id"] == probe)
                assert (row["state"], row["attempts"] - known.attempts) == (state, spent), f"Answered {reply.status}."
                assert not (reply == ACCEPTED and known.accepted), "Accepted twice without a death between."
                known.accepted |= reply == ACCEPTED
            elif row["state"] != known.state:
                assert known.state == "due"
                # Two days after the last message is later than a day after this one was written.
                too_late = {"expired"} if known.contractor in reached else set()
                assert row["state"] in {"waits", "cancelled"} | too_late or known.attempts >= MAX_ATTEMPTS
            known.state, known.attempts, known.key = row["state"], row["attempts"], row["idempotency_key"]
        if posted and reply == ACCEPTED:
            self.accepted = self._next_step()

    def _must_become(self, known: Known, reply: Answered, *, probe: bool) -> tuple[str, int]:
        """Say in which state a message that was posted must be, and how many of its attempts that cost."""
        failed = ("dead" if known.attempts + 1 >= MAX_ATTEMPTS else "waits", 1)
        suspect = 0 < known.found_wrong < self.accepted
        if reply.status == 404 and not suspect:
            known.found_wrong = self._next_step()
            return "due", 0
        if reply.status == 500 and probe:
            return "waits", 0
        return {200: ("sent", 1), 422: ("dead", 1)}.get(reply.status, failed)

    @rule()
    def half_a_minute_passes(self) -> None:
        self.conn.execute("UPDATE ige_circuits SET probe_at = now() WHERE probe_at IS NOT NULL")

    def _posted(self, known: Known, outcome: Outcome, *, accepted: bool) -> None:
        assert not (accepted and known.accepted), "Accepted twice without a death between."
        known.accepted |= accepted
        known.holder, known.attempts = None, known.attempts - isinstance(outcome, Postponed | Cancelled)
        ends = {Delivered: "sent", Dead: "dead", Cancelled: "cancelled"}
        known.state = ends.get(type(outcome), "waits")
        if isinstance(outcome, Postponed) and self._waits_too_long(known, outcome):
            known.state = "expired"

    def _waits_too_long(self, known: Known, outcome: Postponed) -> bool:
        """Two days after the last message to somebody is later than a day after this one was written."""
        reached = any(each.state == "sent" and each.contractor == known.contractor for each in self.model.values())
        return reached and outcome.until is not None and outcome.until > datetime.now(UTC) + timedelta(days=1)

    @precondition(lambda self: self._held())
    @rule(nth=st.integers(0, 2), by=RUNS)
    def accepted_and_killed_before_the_mark(self, nth: int, by: str) -> None:
        """The endpoint has it, and nobody wrote that down: it goes once more, under the same key."""
        held = self._held()
        first = self.current[held[nth % len(held)]]
        known = self.model[first.message_id]
        if first.message_id not in self.runs[known.holder or "one"][1].may_post([first]).leased or self.stopped:
            return

        self.kill(known.holder or "one")
        again = self.runs[by][1].claim_this(first.message_id)

        if self.conn.execute("SELECT FROM ige_circuits WHERE state <> 'closed'").rowcount:
            assert again == []
            return
        (lease,) = again
        assert (lease.idempotency_key, lease.attempt) == (first.idempotency_key, first.attempt + 1)
        assert lease.survivor
        assert not settle(self.runs[by][1], first, Retry(SOON, "http_500"), Sent(NOON, 1, Answered(500)))
        self._leased(lease, by)
        self.settle_by_whoever(lease, by, (Delivered(), SENT, "sent"))

    @rule(run=RUNS)
    def kill(self, run: str) -> None:
        self.runs[run][0].close()
        self._wait_until_postgres_has_noticed()
        # The first look at who seems gone, and the second, after which it is sure.
        self._open(run)
        self.runs[run][1].recover()
        for known in self.model.values():
            if known.holder == run:
                known.state, known.holder = "due", None

    def _wait_until_postgres_has_noticed(self) -> None:
        while (self.conn.execute(HELD).fetchone() or {})["held"] >= len(self.runs):
            time.sleep(0.001)

    @rule()
    def time_passes(self) -> None:
        self.conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL "
                          "AND sent_at IS NULL")  # fmt: skip
        for known in self.model.values():
            known.state = "due" if known.state == "waits" else known.state

    @rule()
    def a_day_passes(self) -> None:
        self.conn.execute("UPDATE ai_proactive_messages SET expires_at = now()")
        expire_stale(self.conn, Settings(), run_id="run", adopted=True)
        for known in self.model.values():
            known.state = "expired" if known.state in {"due", "waits"} else known.state
        self.conn.execute("UPDATE ai_proactive_messages SET expires_at = NULL")

    @rule(who=st.integers(0, 2), pause=st.booleans())
    def pause(self, who: int, *, pause: bool) -> None:
        person = self.people[who]
        self.conn.execute("UPDATE contractors SET ai_proactive_paused = %s WHERE id = %s", [pause, person])
        (self.paused.add if pause else self.paused.discard)(person)

    @rule(who=st.integers(0, 2))
    def opt_out(self, who: int) -> None:
        phone = fetch(self.conn, "contractors", self.people[who])["phone"]
        self.conn.execute("INSERT INTO ige_suppressions (phone_e164, reason, source) VALUES (%s, 'asked', 'by phone') "
                          "ON CONFLICT DO NOTHING", [phone])  # fmt: skip
        self.opted_out.add(self.people[who])

    @rule(on=st.booleans())
    def stop(self, *, on: bool) -> None:
        set_stop(self.conn, on=on, reason="why", who="test")
        self.stopped = on

    @rule()
    def redrive(self) -> None:
        dead = [id_ for id_, known in self.model.items() if known.state == "dead"]

        done, left = redrive(self.conn, dead, Settings(), who="test")

        for id_ in done:
            assert not self._taken(self.model[id_].occurrence), "Two messages about one occurrence."
            self.model[id_].state, self.model[id_].attempts = "due", 0
        assert sorted([*done, *(each.message_id for each in left)]) == dead
        assert all(self._taken(self.model[each.message_id].occurrence) for each in left)

    @rule(nth=st.integers(0, 9))
    def cancel(self, nth: int) -> None:
        id_ = list(self.model)[nth % len(self.model)]
        waits = self.model[id_].state in {"due", "waits"}

        assert cancel(self.conn, [id_], who="test", reason="why") == ([id_] if waits else [])

        self.model[id_].state = "cancelled" if waits else self.model[id_].state

    @rule()
    def retire_and_come_back(self) -> None:
        if any(known.state == "leased" for known in self.model.values()):
            with pytest.raises(Refusal, match="still holds messages"):
                retire(self.conn, who="test", reason="why", seen={}, sleep=Naps())
        else:
            retire(self.conn, who="test", reason="why", seen={}, sleep=Naps())
            assert self.conn.execute("SELECT FROM ai_proactive_messages WHERE sent_at IS NULL").rowcount == 0
        bring_back(self.conn, Settings(), who="test")
        self.stopped = True

    @invariant()
    def the_table_is_as_the_model_says(self) -> None:
        rows = {row["id"]: row for row in self.conn.execute(STATE)}
        assert {id_: row["state"] for id_, row in rows.items()} == {id_: k.state for id_, k in self.model.items()}
        assert {id_: row["attempts"] for id_, row in rows.items()} == {id_: k.attempts for id_, k in self.model.items()}
        assert all(k.key in {None, rows[id_]["idempotency_key"]} for id_, k in self.model.items())

    @invariant()
    def whatever_ended_is_explained_and_nobody_has_two_leases(self) -> None:
        assert self.conn.execute(EXPLAINED).fetchall() == []
        leased = [known.contractor for known in self.model.values() if known.state == "leased"]
        assert len(leased) == len(set(leased))

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            for stack, _outbox in self.runs.values():
                stack.close()
            self.stack.close()


def test_any_sequence_keeps_the_promises_of_the_outbox(database_url: str) -> None:
    @seed(SEED)
    class Machine(OutboxMachine):
        url = database_url

    print(f"IGE_TEST_SEED={SEED} IGE_TEST_EXAMPLES={EXAMPLES} draws these sequences again.")  # noqa: T201 - shown where it fails
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            # Shrinking over a database takes minutes; put Phase.shrink here when one of these fails.
            phases=(Phase.generate,),
        ),
    )
