"""A batch is found again by its root run, and counts what its own decisions say."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.ledger.batch import Batch, close_batch, find_batch, open_batch, retire_decisions
from ige_pipeline.postgres.connection import connect
from ige_pipeline.refusal import Refusal
from ige_pipeline_tests.factories import ago, fetch, insert, make_batch, make_contractor, make_decision, one

Conn = psycopg.Connection[DictRow]

AS_OF = datetime(2026, 3, 29, 1, 45, tzinfo=UTC)  # the clocks go forward in Berlin


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


def test_a_batch_is_asked_as_of_its_moment_and_belongs_to_its_hour(conn: Conn) -> None:
    batch = make_batch(conn, as_of=AS_OF)

    assert (batch.as_of, batch.batch_hour) == (AS_OF, datetime(2026, 3, 29, 1, tzinfo=UTC))


def test_without_a_moment_the_database_says_what_time_it_is(conn: Conn) -> None:
    batch = make_batch(conn)

    assert batch.as_of == one(conn.execute("SELECT now() AS moment"))["moment"]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Pacific/Kiritimati"])
def test_hours_and_days_are_those_of_utc_whatever_the_session_s_zone(conn: Conn, zone: str) -> None:
    conn.execute("SELECT set_config('timezone', %s, false)", [zone])

    batch = make_batch(conn, as_of=AS_OF)

    assert batch.batch_hour == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert batch.decided_on == one(conn.execute("SELECT (now() AT TIME ZONE 'UTC')::date AS day"))["day"]


def test_decisions_of_a_backfill_lie_under_today(conn: Conn) -> None:
    assert make_batch(conn, as_of=datetime(2020, 1, 1, tzinfo=UTC)).decided_on > date(2026, 1, 1)


def test_re_execution_finds_the_batch_that_the_root_run_opened(conn: Conn) -> None:
    first = make_batch(conn, root_run_id="root", as_of=AS_OF, triggers=["stalled_goal"])

    again = make_batch(conn, root_run_id="root", as_of=datetime(2026, 6, 1, tzinfo=UTC), triggers=[])

    assert again == first == find_batch(conn, "root")
    assert again.triggers == ("stalled_goal",)


def test_a_run_that_never_opened_a_batch_is_told_where_to_start(conn: Conn) -> None:
    with pytest.raises(Refusal, match="start schedule_messages_job from its first op"):
        find_batch(conn, "nobody")


def test_batches_that_are_opened_at_once_each_get_one_and_the_day_gets_one_partition(database_url: str) -> None:
    together = threading.Barrier(6)
    found: list[Batch] = []

    def run(root: str) -> None:
        with connect(database_url) as conn:
            together.wait(timeout=30)
            found.append(open_batch(conn, root_run_id=root, triggers=[], settings={}))

    threads = [threading.Thread(target=run, args=[root]) for root in ("a", "a", "a", "b", "c", "d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert sorted(batch.root_run_id for batch in found) == ["a", "a", "a", "b", "c", "d"]
    assert len({batch.id for batch in found}) == 4
    with connect(database_url) as conn:
        days = conn.execute("SELECT 1 FROM pg_inherits WHERE inhparent = 'ige_decisions'::regclass").rowcount
    assert days == 2


def test_a_closed_batch_says_how_its_decisions_ended_and_what_they_cost(conn: Conn) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)
    decided = {"decided_at": ago(minutes=1), "reasons": '[{"reason": "gap"}]'}
    paid = {"tokens_in": 100, "tokens_out": 20, "cost_usd": "0.000750"}
    make_decision(conn, batch, contractor, verdict="blocked", **decided)
    make_decision(conn, batch, contractor, verdict="blocked", generation=paid, **decided)
    make_decision(conn, batch, contractor, generation=paid)
    make_decision(conn, make_batch(conn), contractor, verdict="blocked", generation=paid, **decided)

    closed = close_batch(conn, batch)

    assert closed["counts"] == {"blocked": 2, "undecided": 1}
    assert (closed["tokens_in"], closed["tokens_out"], str(closed["cost_usd"])) == (200, 40, "0.001500")


def test_closing_again_counts_nothing_twice(conn: Conn) -> None:
    batch = make_batch(conn)
    make_decision(conn, batch, make_contractor(conn), generation={"tokens_in": 7})
    first = close_batch(conn, batch)

    again = close_batch(conn, batch)

    assert (again["counts"], again["tokens_in"]) == (first["counts"], 7)


def test_a_batch_without_a_candidate_closes_with_nothing(conn: Conn) -> None:
    closed = close_batch(conn, make_batch(conn))

    assert (closed["counts"], closed["tokens_in"], closed["cost_usd"]) == ({}, 0, 0)


def test_the_same_candidate_is_written_down_once_in_a_batch(conn: Conn) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)
    make_decision(conn, batch, contractor, dedupe_key="same")

    with pytest.raises(psycopg.errors.UniqueViolation, match="batch_id, dedupe_key"):
        make_decision(conn, batch, contractor, dedupe_key="same")


@pytest.mark.parametrize(
    ("over", "constraint"),
    [
        ({"verdict": "blocked", "decided_at": ago(minutes=1)}, "silence_is_explained"),
        ({"verdict": "maybe", "decided_at": ago(minutes=1), "reasons": '[{"reason": "gap"}]'}, "verdict_is_known"),
        ({"verdict": "blocked", "reasons": '[{"reason": "gap"}]'}, "verdict_says_when"),
        ({"verdict": "scheduled", "decided_at": ago(minutes=1)}, "scheduled_names_its_message"),
        ({"dry_run": True, "message_id": 1}, "dry_run_schedules_nothing"),
    ],
)
def test_the_ledger_refuses_what_explains_nothing(conn: Conn, over: dict[str, object], constraint: str) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)

    with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        make_decision(conn, batch, contractor, **over)


def test_what_a_batch_left_behind_unasked_is_explained_after_a_day(conn: Conn) -> None:
    batch, contractor = make_batch(conn), make_contractor(conn)
    row = {
        **batch.key,
        "contractor_id": contractor,
        "trigger_name": "stalled_goal",
        "message_type": "encouragement",
        "priority": 50,
        "urgency": 9,
        "subject_table": "ai_concierge_goals",
        "subject_id": 7,
        "occurrence": "first",
        "reason": "Goal #7 has not been updated for 9 days.",
        "facts": {},
        "changed_since": False,
        "dry_run": False,
    }
    old = insert(conn, "ige_batch_candidates", row | {"dedupe_key": "old", "created_at": ago(hours=25)})
    young = insert(conn, "ige_batch_candidates", row | {"dedupe_key": "young", "created_at": ago(hours=23)})

    retire_decisions(conn, keep_days=90)

    left = fetch(conn, "ige_decisions", old)
    assert (left["verdict"], [each["reason"] for each in left["reasons"]]) == ("failed", ["unevaluated"])
    assert [each["id"] for each in conn.execute("SELECT id FROM ige_batch_candidates")] == [young]


def test_a_dry_run_may_say_what_it_would_have_scheduled(conn: Conn) -> None:
    batch = make_batch(conn, dry_run=True)

    decision = make_decision(conn, batch, make_contractor(conn), verdict="scheduled", decided_at=ago(minutes=1))

    assert fetch(conn, "ige_decisions", decision)["message_id"] is None
