"""The one message that passes a suppression, and everything that would like to pass in its shadow."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import DictRow

from ige_pipeline.delivery.confirmation import PASSES, confirm_first, standing_against
from ige_pipeline.delivery.deliver import deliver
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.look import LastLook
from ige_pipeline.delivery.outbox import Outbox
from ige_pipeline.delivery.payload import Sendable
from ige_pipeline.delivery.reply import Answered, Lost, Reply
from ige_pipeline.delivery.rescreen import rescreen
from ige_pipeline.delivery.slots import Landed, Slots
from ige_pipeline.delivery.tally import DeliveryReport
from ige_pipeline.inbound.opt_out import suppress
from ige_pipeline.inbound.opt_out_source import Source
from ige_pipeline.postgres.connection import connect
from ige_pipeline.refusal import Refusal
from ige_pipeline.safeguards.finding import Finding
from ige_pipeline.safeguards.phonebook import look_up
from ige_pipeline.safeguards.reason import Reason
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import FakeEndpoint, asleep, awake
from ige_pipeline_tests.delivery.outboxes import attempts, message, outbox_on
from ige_pipeline_tests.factories import make_contractor, make_message, make_sent_message, one
from ige_pipeline_tests.inbound.letters import NUMBER, due_message, reply, waiting_for_answer

Conn = psycopg.Connection[DictRow]
OURS = Settings(opt_out_confirmation="ours", sender_name="Acme", messages_per_second=1000)


def run(conn: Conn, endpoint: FakeEndpoint, **over: Any) -> DeliveryReport:
    return deliver(conn, endpoint, OURS.model_copy(update=over), run_id="run")


def confirmation(conn: Conn) -> int:
    query = "SELECT id FROM ai_proactive_messages WHERE confirms_opt_out IS NOT NULL"
    return int(one(conn.execute(query))["id"])


def opted_out(conn: Conn, text: str = "STOP") -> tuple[int, int]:
    """Somebody whom we write to opts out; return them and the confirmation."""
    ada, _ = waiting_for_answer(conn)
    reply(conn, text, settings=OURS)
    return ada, confirmation(conn)


def test_a_confirmation_passes_suppression_quiet_hours_a_pause_and_every_cap(conn: Conn) -> None:
    ada, confirming = opted_out(conn)
    conn.execute(
        "UPDATE contractors SET timezone = %s, ai_proactive_paused = true, ai_pause_until = NULL WHERE id = %s",
        [asleep(), ada],
    )
    for _ in range(4):
        make_sent_message(conn, ada, sent_at=message(conn, confirming)["created_at"])
    endpoint = FakeEndpoint()

    report = run(conn, endpoint, ignore_other_sender=True)

    assert endpoint.posted == [confirming]
    assert dict(report.counts) == {"Delivered": 1}
    assert message(conn, confirming)["sent_at"] is not None


def test_it_waits_for_no_pace(conn: Conn, database_url: str) -> None:
    _, confirming = opted_out(conn)
    conn.execute("INSERT INTO ige_pace (endpoint, next_at) VALUES ('host:1', now() + interval '1 hour')")
    endpoint, report = FakeEndpoint(), DeliveryReport()

    with outbox_on(database_url) as outbox, closing(Slots(endpoint, count=1)) as slots:
        confirm_first(
            conn,
            outbox,
            slots,
            report,
            screen=lambda leases: rescreen(conn, leases, OURS, consent_needed=False),
            write=lambda ended: (outbox.settle(ended), None),
        )

    assert endpoint.posted == [confirming]
    assert dict(report.counts) == {"Delivered": 1}


def test_what_follows_it_keeps_the_distance_that_the_pace_asks_for(conn: Conn, database_url: str) -> None:
    opted_out(conn)
    endpoint = FakeEndpoint()

    with outbox_on(database_url) as outbox, closing(Slots(endpoint, count=1)) as slots:
        confirm(conn, outbox, slots)
        wait_s = outbox.reserve_pace()

    assert len(endpoint.posted) == 1
    assert wait_s == pytest.approx(2, abs=0.5), "At once, and a text and its confirmation would start together."


def test_one_that_takes_longer_than_a_minute_is_waited_for(conn: Conn, database_url: str) -> None:
    _, confirming = opted_out(conn)

    class Slow(Slots):
        """Nothing has landed when it is asked first."""

        asked = 0

        def landed(self, *, within_s: float) -> list[Landed]:
            self.asked += 1
            return super().landed(within_s=within_s) if self.asked > 1 else []

    with outbox_on(database_url) as outbox, closing(Slow(FakeEndpoint(), count=1)) as slots:
        confirm(conn, outbox, slots)

    assert message(conn, confirming)["sent_at"] is not None


def confirm(conn: Conn, outbox: Outbox, slots: Slots) -> None:
    confirm_first(
        conn,
        outbox,
        slots,
        DeliveryReport(),
        screen=lambda leases: rescreen(conn, leases, OURS, consent_needed=False),
        write=lambda ended: (outbox.settle(ended), None),
    )


def test_a_run_that_may_post_one_message_sends_all_that_confirm(conn: Conn) -> None:
    numbers = [NUMBER, "+12125550198", "+12125550197"]
    for number in numbers:
        waiting_for_answer(conn, phone=number)
        reply(conn, "STOP", settings=OURS, sender=number)
    endpoint = FakeEndpoint()

    report = run(conn, endpoint, max_messages_per_run=1)

    assert len(endpoint.posted) == 3
    assert dict(report.counts) == {"Delivered": 3}


def test_exactly_one_goes_out_however_often_they_say_it_and_however_often_we_run(conn: Conn) -> None:
    _, confirming = opted_out(conn)
    endpoint = FakeEndpoint()

    for text in ("STOP", "stop it!", "unsubscribe"):
        run(conn, endpoint)
        reply(conn, text, settings=OURS)
    run(conn, endpoint)

    assert endpoint.posted == [confirming]


def test_nothing_else_goes_to_a_number_that_opted_out(conn: Conn) -> None:
    ada, confirming = opted_out(conn)
    bob = make_contractor(conn, phone="212 555 0199")
    plain = make_message(conn, ada)
    ours = due_message(conn, bob)
    promised = due_message(conn, ada, source_message_type="reminder")
    disguised = make_message(
        conn,
        bob,
        trigger_name="opt_out_confirmation",
        source_message_type="opt_out_confirmation",
        priority=1000,
        message_content=message(conn, confirming)["message_content"],
        context_data=message(conn, confirming)["context_data"],
    )
    endpoint = FakeEndpoint()

    for _ in range(3):
        run(conn, endpoint)

    assert endpoint.posted == [confirming]
    for each in (plain, ours, promised, disguised):
        assert "suppressed" in message(conn, each)["cancel_reason"], each


def other_text(conn: Conn, _ada: int, confirming: int) -> None:
    conn.execute("UPDATE ai_proactive_messages SET message_content = 'Buy now' WHERE id = %s", [confirming])


def another_number(conn: Conn, ada: int, _confirming: int) -> None:
    conn.execute("UPDATE contractors SET phone = '+13055550111' WHERE id = %s", [ada])


def another_number_that_opted_out(conn: Conn, ada: int, _confirming: int) -> None:
    another_number(conn, ada, 0)
    conn.execute("INSERT INTO ige_suppressions (phone_e164, reason, source) VALUES ('+13055550111', 'x', 'keyword')")


def six_minutes_later(conn: Conn, _ada: int, _confirming: int) -> None:
    conn.execute("UPDATE ige_inbound_messages SET received_at = received_at - interval '6 minutes'")


def a_start_meanwhile(conn: Conn, _ada: int, _confirming: int) -> None:
    reply(conn, "START", settings=OURS)


def another_s_opt_out(conn: Conn, _ada: int, confirming: int) -> None:
    taken = reply(conn, "STOP", sender="+13055550112")
    conn.execute("UPDATE ai_proactive_messages SET confirms_opt_out = %s WHERE id = %s", [taken.id, confirming])


def no_opt_out_at_all(conn: Conn, _ada: int, confirming: int) -> None:
    taken = reply(conn, "Thanks!")
    conn.execute("UPDATE ai_proactive_messages SET confirms_opt_out = %s WHERE id = %s", [taken.id, confirming])


def an_opt_out_that_there_never_was(conn: Conn, _ada: int, confirming: int) -> None:
    conn.execute("UPDATE ai_proactive_messages SET confirms_opt_out = 99999 WHERE id = %s", [confirming])


def another_decision(conn: Conn, _ada: int, confirming: int) -> None:
    conn.execute("UPDATE ai_proactive_messages SET decision_id = 99999 WHERE id = %s", [confirming])


def another_message_s_decision(conn: Conn, _ada: int, _confirming: int) -> None:
    conn.execute("UPDATE ige_decisions SET message_id = 99999")


@pytest.mark.parametrize(
    "meanwhile",
    [
        other_text,
        another_number,
        another_number_that_opted_out,
        six_minutes_later,
        a_start_meanwhile,
        another_s_opt_out,
        no_opt_out_at_all,
        an_opt_out_that_there_never_was,
        another_decision,
        another_message_s_decision,
    ],
)
def test_what_is_not_that_confirmation_any_more_never_leaves(
    conn: Conn, meanwhile: Callable[[Conn, int, int], None]
) -> None:
    ada, confirming = opted_out(conn)
    meanwhile(conn, ada, confirming)
    endpoint = FakeEndpoint()

    run(conn, endpoint)

    assert endpoint.posted == []
    assert message(conn, confirming)["cancel_reason"] == "confirmation_over"


def test_after_its_five_minutes_it_expires(conn: Conn) -> None:
    _, confirming = opted_out(conn)
    conn.execute("UPDATE ai_proactive_messages SET expires_at = now() WHERE id = %s", [confirming])
    endpoint = FakeEndpoint()

    run(conn, endpoint)

    assert endpoint.posted == []
    assert message(conn, confirming)["sent_at"] is None


def test_a_stop_of_all_sending_holds_it_too(conn: Conn) -> None:
    _, confirming = opted_out(conn)
    endpoint = FakeEndpoint()

    conn.execute(
        "INSERT INTO ige_switches (name, value, reason, changed_by) VALUES ('stop', '{\"on\": true}', 'a test', 'me')"
    )
    with pytest.raises(Refusal, match="All sending is stopped"):
        run(conn, endpoint)

    assert endpoint.posted == []
    assert message(conn, confirming)["sent_at"] is None


def test_one_that_the_endpoint_did_not_take_is_tried_again_under_its_key(conn: Conn) -> None:
    _, confirming = opted_out(conn)
    endpoint = FakeEndpoint(Lost("timeout"), Answered(200))

    first = run(conn, endpoint)
    conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = NULL WHERE id = %s", [confirming])
    second = run(conn, endpoint)

    assert (dict(first.counts), dict(second.counts)) == ({"Ambiguous": 1}, {"Delivered": 1})
    assert len(endpoint.keys) == 2
    assert len(set(endpoint.keys)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"trigger_name": "high_priority_goal"},
        {"source_message_type": None},
        {"expires_at": None},
        {"contractor_id": None},
    ],
)
def test_the_table_refuses_a_confirmation_that_is_none(conn: Conn, change: dict[str, Any]) -> None:
    _, confirming = opted_out(conn)
    (name, value), *_ = change.items()

    with pytest.raises(psycopg.errors.CheckViolation):
        conn.execute(
            sql.SQL("UPDATE ai_proactive_messages SET {} = %s WHERE id = %s").format(sql.Identifier(name)),
            [value, confirming],
        )


def test_the_table_refuses_a_second_confirmation_of_one_opt_out(conn: Conn) -> None:
    ada, confirming = opted_out(conn)
    row = message(conn, confirming)

    with pytest.raises(psycopg.errors.UniqueViolation):
        make_message(
            conn,
            ada,
            **{name: row[name] for name in ("trigger_name", "source_message_type", "expires_at", "confirms_opt_out")},
        )


@pytest.mark.parametrize("reason", list(Reason))
def test_only_four_reasons_are_looked_past(reason: Reason) -> None:
    found = [Finding(reason, observed=None, limit=None)]

    passed = standing_against(found) == []

    assert passed is (reason in {Reason.SUPPRESSED, Reason.PAUSED, Reason.QUIET_HOURS, Reason.CAP_STATE})
    assert len(PASSES) == 4


def test_a_number_that_cannot_be_dialled_or_a_consent_taken_back_holds_even_a_confirmation(conn: Conn) -> None:
    _, confirming = opted_out(conn)
    conn.execute(
        "INSERT INTO ige_consents (phone_e164, basis, source, revoked_at) VALUES (%s, 'a letter', 'us', now())",
        [NUMBER],
    )
    endpoint = FakeEndpoint()

    run(conn, endpoint)

    assert endpoint.posted == []
    assert message(conn, confirming)["cancel_reason"] == "consent_revoked"
    assert attempts(conn, confirming)[-1]["outcome"] == "Cancelled"


def test_who_opts_out_after_the_safeguards_were_asked_gets_nothing_and_is_cancelled(
    conn: Conn, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = (make_contractor(conn, phone=phone, timezone=awake()) for phone in (NUMBER, "+12125550155"))
    hers, his = due_message(conn, ada), due_message(conn, bob)
    look, endpoint = Outbox.may_post, FakeEndpoint()

    def stop_first(self: Outbox, leases: Sequence[Lease]) -> LastLook:
        with connect(database_url) as other:
            reply(other, "STOP")
        # As if that had taken its time.
        self._beside = None
        return look(self, leases)

    monkeypatch.setattr(Outbox, "may_post", stop_first)
    run(conn, endpoint)

    assert endpoint.posted == [his]
    assert message(conn, hers)["cancel_reason"] == "suppressed"
    assert [each["outcome"] for each in attempts(conn, hers)] == ["Cancelled"]


def test_the_last_look_knows_a_local_number_that_ends_like_one_that_opted_out(conn: Conn, database_url: str) -> None:
    ada = make_contractor(conn, phone="555-0199", timezone=awake())
    look_up(conn, [ada], region="US")
    due_message(conn, ada)
    with outbox_on(database_url) as outbox:
        (lease,) = outbox.claim()
        assert outbox.may_post([lease]).leased == {lease.message_id}

        suppress(conn, NUMBER, source=Source.BY_HAND, reason="a letter")

        look = outbox.may_post([lease])
        assert look.leased == frozenset()
        assert look.opted_out == {lease.message_id}


def test_a_run_that_is_under_way_confirms_before_anything_else_that_waits(conn: Conn, database_url: str) -> None:
    waiting_for_answer(conn)
    others = [
        due_message(conn, make_contractor(conn, phone=f"+1212555018{n}", timezone=awake()), priority=90)
        for n in range(4)
    ]

    class OptsOutMeanwhile(FakeEndpoint):
        def answer(self, sendable: Sendable, *, key: str) -> Reply:
            if not self.posted:
                with connect(database_url) as other:
                    reply(other, "STOP", settings=OURS)
            return super().answer(sendable, key=key)

    endpoint = OptsOutMeanwhile()
    run(conn, endpoint, messages_per_second=20, ignore_other_sender=True)

    assert sorted(endpoint.posted) == sorted([*others, confirmation(conn)])
    assert endpoint.posted.index(confirmation(conn)) < len(others)


def test_none_follows_one_that_found_the_endpoint_wrong_and_its_call_counts(conn: Conn) -> None:
    for number in (NUMBER, "+12125550198"):
        waiting_for_answer(conn, phone=number)
        reply(conn, "STOP", settings=OURS, sender=number)
    endpoint = FakeEndpoint(Answered(404))

    report = run(conn, endpoint)

    assert (len(endpoint.posted), report.posted, report.fault) == (1, 1, "http_404")
    assert one(conn.execute("SELECT state FROM ige_circuits"))["state"] == "open"


def test_one_that_was_accepted_while_connections_were_cut_is_not_posted_again(conn: Conn, database_url: str) -> None:
    _, confirming = opted_out(conn)

    class Cutting(FakeEndpoint):
        def answer(self, sendable: Sendable, *, key: str) -> Reply:
            if not self.posted:
                conn.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                             "WHERE pid <> pg_backend_pid() AND datname = current_database()")  # fmt: skip
            return super().answer(sendable, key=key)

    endpoint = Cutting()
    with connect(database_url) as own, pytest.raises(psycopg.OperationalError):
        run(own, endpoint)
    run(conn, endpoint)

    assert endpoint.posted == [confirming]
    assert message(conn, confirming)["sent_at"] is not None
