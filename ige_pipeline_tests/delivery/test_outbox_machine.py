"""Any sequence of what runs, people and time do to the outbox keeps its promises.

Runs claim, post, settle and die; people pause, opt out, stop, cancel, redrive and retire; time passes.
`IGE_TEST_EXAMPLES` says how many sequences; `make machine` runs thousands.
"""

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
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

from ige_pipeline.delivery.cancel import cancel
from ige_pipeline.delivery.dead import redrive
from ige_pipeline.delivery.deliver import attempt
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.outbox import Outbox, Sent, expire_stale
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
from ige_pipeline.delivery.switches import set_stop
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import ACCEPTED, NOON, FakeEndpoint, Naps, awake
from ige_pipeline_tests.delivery.outboxes import SENT, outbox_on
from ige_pipeline_tests.factories import fetch, make_contractor, make_message

EXAMPLES = int(os.environ.get("IGE_TEST_EXAMPLES", "40"))
SOON = timedelta(hours=1)
LIVE = {"due", "waits", "leased", "sent"}
RUNS = st.sampled_from(["one", "two"])
REPLIES = st.sampled_from([ACCEPTED, ACCEPTED, Answered(500), Lost("ReadTimeout")])
OUTCOMES: list[tuple[Outcome, Sent | None, str]] = [
    (Delivered(), SENT, "sent"),
    (Retry(SOON, "http_500"), Sent(NOON, 1, Answered(500)), "waits"),
    (Retry(SOON, "http_429", spends_attempt=False), Sent(NOON, 1, Answered(429)), "waits"),
    (Ambiguous(SOON, "ReadTimeout"), Sent(NOON, 1, Lost("ReadTimeout")), "waits"),
    (EndpointFault("http_404"), Sent(NOON, 1, Answered(404)), "waits"),
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
EXPLAINED = """
SELECT m.id FROM ai_proactive_messages m
 WHERE num_nonnulls(sent_at::timestamptz, dead_at, cancelled_at, expired_at) > 0
   AND NOT EXISTS (SELECT FROM ige_delivery_attempts a WHERE a.message_id = m.id AND a.outcome = CASE
       WHEN m.sent_at IS NOT NULL THEN 'Delivered' WHEN m.dead_at IS NOT NULL THEN 'Dead'
       WHEN m.cancelled_at IS NOT NULL THEN 'Cancelled' ELSE 'Expired' END)"""

HELD = """
SELECT count(*) AS held FROM pg_locks
 WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


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


class OutboxMachine(RuleBasedStateMachine):
    """Two runs over one outbox, three contractors, and a model in a dict."""

    url: str
    leases = Bundle("leases")

    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        self.conn: Connection = self.stack.enter_context(connect(self.url))
        self.conn.execute("TRUNCATE contractors, ai_proactive_messages, ige_delivery_attempts, ige_decisions, "
                          "ige_suppressions, ige_retired_messages")  # fmt: skip
        self.people = [make_contractor(self.conn, timezone=awake()) for _ in range(3)]
        self.model: dict[int, Known] = {}
        self.current: dict[int, Lease] = {}
        self.paused: set[int] = set()
        self.opted_out: set[int] = set()
        self.stopped = False
        set_stop(self.conn, on=False, reason=None, who="test")
        self.runs: dict[str, tuple[ExitStack, Outbox]] = {}
        for name in ("one", "two"):
            self._open(name)
        for who in range(3):
            self.enqueue(who, priority=50, occurrence=None)

    def _open(self, name: str) -> None:
        stack = ExitStack()
        self.runs[name] = (stack, stack.enter_context(outbox_on(self.url, run_id=name)))

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

        lease = self.runs[run][1].claim()

        assert (lease is None) is (not free)
        return None if lease is None else self._leased(lease, run, free)

    def _leased(self, lease: Lease, run: str, free: set[int]) -> Lease:
        known = self.model[lease.message_id]
        assert lease.message_id in free
        assert known.priority == max(self.model[id_].priority for id_ in free)
        assert lease.attempt == known.attempts + 1
        assert known.key in {None, lease.idempotency_key}
        self.current[lease.message_id] = lease
        known.state, known.holder, known.key, known.attempts = "leased", run, lease.idempotency_key, lease.attempt
        return lease

    def _is_current(self, lease: Lease) -> bool:
        row = self.conn.execute("SELECT lease_token FROM ai_proactive_messages WHERE id = %s", [lease.message_id])
        return bool((row.fetchone() or {})["lease_token"] == lease.token)

    @precondition(lambda self: self._held())
    @rule(nth=st.integers(0, 2), end=st.sampled_from(OUTCOMES))
    def settle(self, nth: int, end: tuple[Outcome, Sent | None, str]) -> None:
        held = self._held()
        id_ = held[nth % len(held)]
        self.settle_by_whoever(self.current[id_], self.model[id_].holder or "one", end)

    @rule(lease=leases, run=RUNS, end=st.sampled_from(OUTCOMES))
    def settle_by_whoever(self, lease: Lease, run: str, end: tuple[Outcome, Sent | None, str]) -> None:
        outcome, sent, state = end
        current = self._is_current(lease)

        assert self.runs[run][1].settle(lease, outcome, sent) is current

        if current:
            known = self.model[lease.message_id]
            gives_back = isinstance(outcome, Postponed | Cancelled | EndpointFault)
            gives_back |= not getattr(outcome, "spends_attempt", True)
            known.state, known.holder, known.attempts = state, None, known.attempts - gives_back

    @rule(lease=leases, end=st.sampled_from(OUTCOMES))
    def settle_with_a_stale_token(self, lease: Lease, end: tuple[Outcome, Sent | None, str]) -> None:
        assert not self.runs["one"][1].settle(replace(lease, token=uuid4()), *end[:2])

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
        current, endpoint, outbox = self._is_current(lease), FakeEndpoint(reply), self.runs[run][1]
        known = self.model[lease.message_id]

        outcome, sent = attempt(outbox, lease, endpoint, self._screen)
        settled = outbox.settle(lease, outcome, sent)

        assert settled is current
        assert not (endpoint.posted and not current), "Posted without a lease."
        assert not (endpoint.posted and known.contractor in self.paused), "Posted to somebody who is paused."
        assert not (endpoint.posted and known.contractor in self.opted_out), "Posted to somebody who opted out."
        assert not (endpoint.posted and self.stopped), "Posted while all sending was stopped."
        if current:
            self._posted(known, outcome, accepted=bool(endpoint.posted) and reply == ACCEPTED)
            # A first retry is due after five seconds, which a busy machine may take for a step.
            self.conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = next_attempt_at + interval '1 hour' "
                              "WHERE id = %s", [lease.message_id])  # fmt: skip

    def _screen(self, lease: Lease) -> Outcome | None:
        return rescreen(self.conn, [lease], Settings(), consent_needed=False)[0]

    def _posted(self, known: Known, outcome: Outcome, *, accepted: bool) -> None:
        assert not (accepted and known.accepted), "Accepted twice without a death between."
        known.accepted |= accepted
        known.holder, known.attempts = None, known.attempts - isinstance(outcome, Postponed | Cancelled)
        ends = {Delivered: "sent", Dead: "dead", Cancelled: "cancelled"}
        known.state = ends.get(type(outcome), "waits")

    @rule(run=RUNS)
    def kill(self, run: str) -> None:
        self.runs[run][0].close()
        self._wait_until_postgres_has_noticed()
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
    class Machine(OutboxMachine):
        url = database_url

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            # Shrinking over a database takes minutes; put Phase.shrink here when one of these fails.
            phases=(Phase.generate,),
        ),
    )
