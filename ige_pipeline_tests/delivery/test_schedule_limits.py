"""A batch that would reach too many at once waits for a person; what the pace cannot clear waits for a later batch."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice

import pytest
from psycopg.rows import DictRow

from ige_pipeline.delivery.schedule import approve, require_not_held, schedule_messages
from ige_pipeline.ledger.batch import Batch, close_batch
from ige_pipeline.ledger.compare import held, newest
from ige_pipeline.ledger.sentence import of_decision
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal
from ige_pipeline.safeguards.phonebook import read_numbers
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import (
    ago,
    fetch,
    make_batch,
    make_contractor,
    make_message,
    make_reviewed_decision,
    one,
)

SMALL = Settings(blast_radius_at_least=2, blast_radius_share=0.2)


def people(conn: Connection) -> Iterator[int]:
    while True:
        yield make_contractor(conn)


def ready(conn: Connection, batch: Batch, count: int) -> list[int]:
    """Let so many contractors have a text that is ready to be scheduled."""
    return [make_reviewed_decision(conn, batch, person) for person in islice(people(conn), count)]


def unsent(conn: Connection) -> int:
    return int(one(conn.execute("SELECT count(*) AS n FROM ai_proactive_messages"))["n"])


def test_a_batch_that_reaches_too_many_is_held_as_a_whole_and_says_how_to_approve_it(conn: Connection) -> None:
    batch = make_batch(conn)
    ready(conn, batch, 3)

    assert schedule_messages(conn, batch, SMALL) == 0

    counts = close_batch(conn, batch)["counts"]
    assert (counts, unsent(conn)) == ({"held": 3}, 0)
    with pytest.raises(Refusal, match=f"ige batches approve {batch.id}"):
        require_not_held(batch, counts, within_hours=24)


@pytest.mark.parametrize(("count", "others"), [(2, 0), (3, 12)])
def test_few_people_or_a_small_share_are_not_held(conn: Connection, count: int, others: int) -> None:
    batch = make_batch(conn)
    list(islice(people(conn), others))
    ready(conn, batch, count)

    assert schedule_messages(conn, batch, SMALL) == count


def test_promised_messages_are_neither_held_nor_counted(conn: Connection) -> None:
    batch = make_batch(conn)
    ready(conn, batch, 2)
    for person in islice(people(conn), 3):
        make_reviewed_decision(conn, batch, person, promised=True, due_at=ago(minutes=1))

    assert schedule_messages(conn, batch, SMALL) == 5


def test_an_approved_batch_is_scheduled_with_every_check_made_again(conn: Connection) -> None:
    batch = make_batch(conn)
    first, *_ = ready(conn, batch, 3)
    schedule_messages(conn, batch, SMALL)
    contractor = one(conn.execute("SELECT contractor_id FROM ige_decisions WHERE id = %s", [first]))["contractor_id"]
    make_message(conn, contractor)

    assert approve(conn, batch, SMALL, who="test") == 2

    assert close_batch(conn, batch)["counts"] == {"blocked": 1, "scheduled": 2}
    assert held(conn, batch) == []


def test_a_held_batch_may_be_approved_as_long_as_it_was_told_whatever_the_settings_are_by_now(conn: Connection) -> None:
    batch = make_batch(conn, as_of=ago(hours=30), settings={"expire_after_hours": 48})
    ready(conn, batch, 3)
    schedule_messages(conn, batch, SMALL.model_copy(update={"expire_after_hours": 48}))

    assert approve(conn, batch, SMALL, who="test") == 3

    expires_at = one(conn.execute("SELECT min(expires_at) AS first FROM ai_proactive_messages"))["first"]
    assert expires_at == batch.as_of + timedelta(hours=48)


def test_a_batch_that_was_held_for_a_day_expires(conn: Connection) -> None:
    batch = make_batch(conn, as_of=ago(hours=23, minutes=59))
    ready(conn, batch, 3)
    conn.execute("UPDATE ige_decisions SET not_before = now() + interval '8 hours'")
    schedule_messages(conn, batch, SMALL)
    conn.execute("UPDATE ige_batches SET as_of = as_of - interval '2 minutes'")
    old = one(conn.execute("SELECT as_of FROM ige_batches"))["as_of"]

    assert approve(conn, replace(batch, as_of=old), SMALL, who="test") == 0

    assert close_batch(conn, batch)["counts"] == {"expired": 3}


def test_a_batch_of_an_old_hour_sends_nothing_though_its_people_are_asleep_now(conn: Connection) -> None:
    batch = make_batch(conn, as_of=ago(days=5))
    ready(conn, batch, 1)
    conn.execute("UPDATE ige_decisions SET not_before = now() + interval '8 hours'")

    assert schedule_messages(conn, batch, SMALL) == 0

    assert close_batch(conn, batch)["counts"] == {"expired": 1}


def test_a_preview_of_an_old_hour_says_what_would_have_become_of_it_and_that_it_is_stale(conn: Connection) -> None:
    many, few = (make_batch(conn, as_of=ago(days=5), dry_run=True) for _ in range(2))
    ready(conn, many, 3)
    (one_of_few,) = ready(conn, few, 1)

    for batch in (many, few):
        schedule_messages(conn, batch, SMALL)

    assert [close_batch(conn, batch)["counts"] for batch in (many, few)] == [{"held": 3}, {"scheduled": 1}]
    decision = fetch(conn, "ige_decisions", one_of_few)
    assert [each["reason"] for each in decision["reasons"]] == ["stale"]
    assert of_decision(decision) == "Would have been written to, in time; by now it is too old to be sent (dry run)."


def test_a_dry_run_says_that_a_batch_would_be_held(conn: Connection) -> None:
    batch = make_batch(conn, dry_run=True)
    ready(conn, batch, 3)
    conn.execute("UPDATE ige_decisions SET dry_run = true")

    schedule_messages(conn, batch, SMALL)

    counts = close_batch(conn, batch)["counts"]
    assert counts == {"held": 3}
    require_not_held(batch, counts, within_hours=24)


def test_a_dry_run_is_not_approved_nor_says_that_it_may_be(conn: Connection) -> None:
    batch = make_batch(conn, dry_run=True)
    ready(conn, batch, 3)
    schedule_messages(conn, batch, SMALL)

    with pytest.raises(Refusal, match="was a dry run"):
        approve(conn, batch, SMALL, who="test")

    told = one(conn.execute("SELECT reasons, verdict FROM ige_decisions LIMIT 1"))
    assert (told["verdict"], "ige batches" in str(told["reasons"])) == ("held", False)


def test_how_long_a_held_batch_may_be_approved_is_what_the_settings_say(conn: Connection) -> None:
    with pytest.raises(Refusal, match="within 6 hours"):
        require_not_held(make_batch(conn), {"held": 3}, within_hours=6)


def test_what_was_held_and_not_approved_is_expired_by_a_later_batch(conn: Connection) -> None:
    held_batch = make_batch(conn)
    ready(conn, held_batch, 3)
    schedule_messages(conn, held_batch, SMALL)
    conn.execute("UPDATE ige_batches SET as_of = as_of - interval '25 hours'")

    schedule_messages(conn, make_batch(conn), SMALL)

    assert close_batch(conn, held_batch)["counts"] == {"expired": 3}


def everything(conn: Connection, batch: Batch) -> list[DictRow]:
    rows = "SELECT to_jsonb(d) AS row FROM ige_decisions d WHERE d.batch_id = %(batch_id)s ORDER BY d.id"
    counts = "SELECT to_jsonb(b) AS row FROM ige_batches b WHERE b.id = %(batch_id)s"
    return [*conn.execute(rows, batch.key), *conn.execute(counts, batch.key)]


@pytest.mark.parametrize("hours", [0, 30])
def test_a_preview_leaves_every_row_of_other_batches_as_it_was(conn: Connection, hours: int) -> None:
    held_batch, drafts = make_batch(conn), make_batch(conn)
    ready(conn, held_batch, 3)
    schedule_messages(conn, held_batch, SMALL)
    ready(conn, drafts, 1)
    make_reviewed_decision(conn, drafts, make_contractor(conn), promised=True, due_at=ago(minutes=5))
    schedule_messages(conn, drafts, Settings(review_drafts=True))
    for batch in (held_batch, drafts):
        close_batch(conn, batch)
    conn.execute("UPDATE ige_batches SET as_of = as_of - make_interval(hours => %s)", [hours])
    conn.execute("UPDATE ige_decisions SET retry_at = retry_at - make_interval(hours => %s)", [hours])
    before = [everything(conn, batch) for batch in (held_batch, drafts)]

    schedule_messages(
        conn, make_batch(conn, dry_run=True), Settings(expire_after_hours=0, promised_late_hours=0, review_hours=0.5)
    )

    assert [everything(conn, batch) for batch in (held_batch, drafts)] == before
    assert before[0][0]["row"]["verdict"] == before[1][0]["row"]["verdict"] == "held"


def test_what_is_held_waits_as_long_as_its_own_batch_was_told(conn: Connection) -> None:
    told = {"expire_after_hours": 240, "promised_late_hours": 240}
    held_batch = make_batch(conn, settings=told)
    ready(conn, held_batch, 3)
    schedule_messages(conn, held_batch, SMALL)
    draft = make_reviewed_decision(
        conn, held_batch, make_contractor(conn), promised=True, due_at=ago(hours=30), draft_source="model:x"
    )
    patient = Settings(review_drafts=True, promised_late_hours=240)
    schedule_messages(conn, held_batch, patient)
    conn.execute("UPDATE ige_batches SET as_of = as_of - interval '9 days'")
    assert fetch(conn, "ige_decisions", draft)["verdict"] == "held"

    schedule_messages(conn, make_batch(conn), SMALL)

    assert close_batch(conn, held_batch)["counts"] == {"held": 4}


def test_what_was_held_longer_than_its_batch_was_told_expires_however_long_ago_and_is_counted(conn: Connection) -> None:
    held_batch = make_batch(conn, settings={"expire_after_hours": 240})
    ready(conn, held_batch, 3)
    schedule_messages(conn, held_batch, SMALL)
    close_batch(conn, held_batch)
    long_ago = "(now() AT TIME ZONE 'UTC')::date - 11"
    conn.execute(f"SELECT ige_prepare_decisions({long_ago})")
    conn.execute(f"UPDATE ige_decisions SET decided_on = {long_ago}")  # noqa: S608
    conn.execute(
        "UPDATE ige_batches SET as_of = as_of - interval '11 days', opened_at = opened_at - interval '11 days'"
    )

    schedule_messages(conn, make_batch(conn), SMALL)

    assert {row["id"]: row["counts"] for row in newest(conn, limit=10)}[held_batch.id] == {"expired": 3}


def test_what_the_pace_cannot_clear_before_it_expires_is_postponed_the_least_important_first(
    conn: Connection,
) -> None:
    batch = make_batch(conn)
    settings = Settings(messages_per_second=3.1 / (13 * 3600), expire_after_hours=24)
    make_message(conn, make_contractor(conn))
    for person, priority in zip(people(conn), (70, 50, 80), strict=False):
        make_reviewed_decision(conn, batch, person, priority=priority)

    assert schedule_messages(conn, batch, settings) == 2

    left = one(conn.execute("SELECT priority, reasons FROM ige_decisions WHERE verdict = 'postponed'"))
    assert left["priority"] == 50
    assert left["reasons"] == [{"reason": "backlog", "observed": 1, "limit": 3}]


@pytest.mark.parametrize(
    ("spellings", "scheduled"),
    [(("+13055550123", "(305) 555-0123"), 1), (("555-0123", "555 0123"), 1), (("555-0123", "+13055550123"), 2)],
)
def test_a_number_that_two_contractors_have_rings_once(
    conn: Connection, spellings: tuple[str, str], scheduled: int
) -> None:
    batch = make_batch(conn)
    ids = [make_contractor(conn, phone=phone) for phone in spellings]
    read_numbers(conn, ids, region="US")
    for person in ids:
        make_reviewed_decision(conn, batch, person)

    assert schedule_messages(conn, batch, Settings()) == scheduled

    others = conn.execute("SELECT reasons -> 0 ->> 'reason' AS why FROM ige_decisions WHERE verdict = 'outranked'")
    assert [row["why"] for row in others] == ["same_number"] * (2 - scheduled)


@pytest.mark.parametrize(
    ("name", "counted"), [("hold_if_too_many", "proactive everybody"), ("postpone_backlog", "room")]
)
def test_how_many_there_are_is_counted_once_whatever_the_statistics_say(
    conn: Connection, name: str, counted: str
) -> None:
    """With those from before the batch, Postgres counted everybody anew for each row: minutes for 12,000 texts."""
    values = {"blast_radius_at_least": 2, "blast_radius_share": 0.2, "clears_in_time": 1} | make_batch(conn).key

    rows = conn.execute("EXPLAIN " + load("ige_pipeline.delivery", "schedule.sql")[name], values)

    plan = "\n".join(str(*row.values()) for row in rows)
    assert [each for each in counted.split() if f"CTE {each}" not in plan] == []
