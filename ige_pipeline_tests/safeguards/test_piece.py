"""What Postgres decides by itself about a piece of a batch is what the safeguards would have said."""

import json
import os
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import DictRow

from ige_pipeline.ledger.batch import Batch
from ige_pipeline.safeguards.judgement import as_columns
from ige_pipeline.safeguards.phonebook import Sharing
from ige_pipeline.safeguards.piece import Piece, Screening, Sources, take
from ige_pipeline.safeguards.record import record_candidates
from ige_pipeline.safeguards.screen import decide, screen_piece
from ige_pipeline.safeguards.span import EVERYBODY
from ige_pipeline.settings import Settings
from ige_pipeline_tests.agreement.writing import insert_rows
from ige_pipeline_tests.factories import make_batch
from ige_pipeline_tests.safeguards.test_recipient import NOW, facts, frame_of

Conn = psycopg.Connection[DictRow]

EXAMPLES = int(os.environ.get("IGE_TEST_EXAMPLES", "30"))
TYPES = {
    "contractor_id": "bigint",
    "known": "boolean",
    "phone_verdict": "text",
    "timezone": "text",
    "phone_zones": "text",
    "phone_state": "text",
    "paused": "boolean",
    "paused_until": "timestamptz",
    "suppressed": "boolean",
    "consent": "text",
    "waiting_message_id": "bigint",
    "last_message_id": "bigint",
    "last_sent_at": "timestamptz",
    "sent_day": "bigint",
    "sent_week": "bigint",
    "sent_30_days": "bigint",
    "recent_times": "timestamptz[]",
    "recent_types": "text[]",
    "recent_sent": "bigint",
    "recent_unanswered": "bigint",
    "recent_last_sent_at": "timestamptz",
    "trust_score": "integer",
    "complaints": "bigint",
    "complained_at": "timestamptz",
    "asked_at": "timestamptz",
}
MOMENTS = [
    None,
    *(NOW - timedelta(hours=age) for age in (0, 1, 23.99, 24, 47.99, 48, 49, 167, 168, 169, 400, 719, 2000)),
]
FLAGS = [True, False, None]
COUNTED = ("recent_sent", "recent_unanswered", "complaints", "sent_day", "sent_week", "sent_30_days")
STRANGE: dict[str, list[Any]] = {
    "known": FLAGS,
    "suppressed": FLAGS,
    "paused": FLAGS,
    "phone_verdict": ["possible", "local_only", "impossible", "none", None],
    "phone_state": [None, "FL", "TX", "NY", "Atlantis"],
    "phone_zones": [None, "America/New_York", "Nowhere/Land", ""],
    "timezone": [None, "America/New_York", "Asia/Tokyo", "Nowhere", ""],
    "consent": ["given", "none", "revoked", None, "perhaps"],
    "paused_until": MOMENTS,
    "last_sent_at": MOMENTS,
    "recent_last_sent_at": MOMENTS,
    "complained_at": MOMENTS,
    "waiting_message_id": [None, 7],
    "last_message_id": [None, 6],
    "trust_score": [None, 0, 19, 20, 50, 100],
    **{name: [0, 1, 2, 3, 9, None] for name in COUNTED},
}
PERSONS = st.lists(st.sampled_from(sorted(STRANGE)), max_size=3, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(STRANGE[name]) for name in names})
)
RIVALS = st.lists(
    st.fixed_dictionaries(
        {
            "person": st.integers(0, 5),
            "priority": st.sampled_from([50, 70]),
            "urgency": st.sampled_from([0.0, 1.0]),
            "message_type": st.sampled_from(["check_in", "celebration"]),
            "changed_since": st.sampled_from([False, False, False, True]),
        }
    ),
    min_size=1,
    max_size=10,
)
THRESHOLDS = st.fixed_dictionaries(
    {},
    optional={
        "min_gap_hours": st.sampled_from([0, 24, 48, 200]),
        "trust_tiers": st.booleans(),
        "ignored_in_a_row": st.sampled_from([1, 3]),
        "ignored_pause_days": st.sampled_from([0, 1, 7]),
        "min_trust_score": st.sampled_from([0, 20, 60]),
        "trust_without_record": st.sampled_from([0, 50]),
        "complaints_at_most": st.sampled_from([1, 3]),
        "cap_per_day": st.sampled_from([0, 1, 5]),
        "cap_per_week": st.sampled_from([0, 1, 5]),
        "cap_per_30_days": st.sampled_from([0, 1, 5]),
        "cap_per_type_per_week": st.sampled_from([0, 1, 2]),
        "consent_basis": st.sampled_from(["", "they signed"]),
        "state_rules": st.booleans(),
        "phone_check": st.sampled_from(["strict", "lenient"]),
        "postpone_at_most_hours": st.sampled_from([1, 48]),
    },
)


@pytest.fixture
def conn(shared_conn: Conn) -> Any:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    persons=st.lists(PERSONS, min_size=1, max_size=6),
    rivals=RIVALS,
    thresholds=THRESHOLDS,
    consent_needed=st.booleans(),
)
def test_a_piece_is_decided_as_if_the_safeguards_had_looked_at_each_of_its_rows(
    conn: Conn,
    persons: list[dict[str, Any]],
    rivals: list[dict[str, Any]],
    thresholds: dict[str, Any],
    consent_needed: bool,  # noqa: FBT001 - drawn
) -> None:
    rows = [known(persons, place, rival) for place, rival in enumerate(rivals)]

    sure = agree(conn, rows, Settings(**thresholds), consent_needed=consent_needed)

    event(f"{sure} of {len(rows)} never travel")


@pytest.mark.parametrize("thresholds", [{}, {"trust_tiers": True, "cap_per_day": 1}, {"ignored_in_a_row": 1}])
def test_each_single_thing_that_may_be_wrong_with_somebody_is_seen(conn: Conn, thresholds: dict[str, Any]) -> None:
    history = {"last_message_id": 6, "last_sent_at": MOMENTS[-1], "recent_sent": 3, "recent_unanswered": 3}
    usual: tuple[dict[str, Any], ...] = ({}, history, history | {"recent_last_sent_at": MOMENTS[-1]})
    persons = [one | {name: value} for one in usual for name, values in STRANGE.items() for value in values]
    rows = [known(persons, place, {"person": place}) for place in range(len(persons))]

    assert agree(conn, rows, Settings(**thresholds), consent_needed=False) > len(rows) / 10


def agree(conn: Conn, rows: list[dict[str, Any]], thresholds: Settings, *, consent_needed: bool) -> int:
    """Hold what is recorded of these candidates against the safeguards; return how many of them they never saw."""
    with conn.transaction(force_rollback=True):
        batch = make_batch(conn)
        asked = Screening(batch, thresholds, consent_needed, Sharing({}))
        insert_rows(conn, "ige_batch_candidates", [candidate(batch, row) for row in rows])

        screen_piece(conn, Piece(EVERYBODY, []), asked=asked, sources=Sources(facts=as_facts(rows)))

        found = {row["id"]: told(row) for row in conn.execute("SELECT * FROM ige_decisions")}
        sure = conn.execute("SELECT FROM piece WHERE sure").rowcount
    assert found == by_the_safeguards(rows, asked)
    return sure


def test_those_against_whom_nothing_but_the_hour_speaks_never_travel(conn: Conn) -> None:
    persons: list[dict[str, Any]] = [
        {},
        {"timezone": "Asia/Tokyo"},
        {"consent": "given"},
        {"phone_state": "FL"},
        {"last_message_id": 6, "last_sent_at": NOW - timedelta(days=9), "sent_30_days": 1, "recent_sent": 3},
        {"recent_sent": 3, "recent_unanswered": 3, "recent_last_sent_at": NOW - timedelta(days=8)},
    ]
    rows = [known(persons, place, {"person": place}) for place in range(len(persons))]
    batch = make_batch(conn)
    insert_rows(conn, "ige_batch_candidates", [candidate(batch, row) for row in rows])
    asked = Screening(batch, Settings(), consent_needed=False, sharing=Sharing({}))

    travel = take(conn, Piece(EVERYBODY, []), asked, sources=Sources(facts=as_facts(rows)))

    assert travel.empty


def test_somebody_whom_nobody_decided_about_ends_the_batch(conn: Conn) -> None:
    rows = [known([{"paused": True}], 0, {"person": 0})]
    batch = make_batch(conn)
    insert_rows(conn, "ige_batch_candidates", [candidate(batch, row) for row in rows])
    asked, everybody = Screening(batch, Settings(), consent_needed=False, sharing=Sharing({})), Piece(EVERYBODY, [])
    take(conn, everybody, asked, sources=Sources(facts=as_facts(rows)))
    nothing: dict[str, list[str]] = {name: [] for name in ("ids", "reasons", "verdicts", "not_before", "retry_at")}

    with pytest.raises(RuntimeError, match="nobody decided about 1 candidates"):
        record_candidates(conn, batch, everybody, nothing)


def known(persons: list[dict[str, Any]], place: int, rival: dict[str, Any]) -> dict[str, Any]:
    """A candidate with what is known of its contractor; the lists behind the counts are there where a cap is near."""
    person = rival["person"] % len(persons)
    row: dict[str, Any] = facts() | {"priority": 50, "urgency": 0.0} | persons[person]
    counted = row["sent_30_days"] or 0
    row |= {"recent_times": [NOW - timedelta(hours=5)] * counted, "recent_types": ["check_in"] * counted}
    row |= {name: value for name, value in rival.items() if name != "person"}
    return row | {"contractor_id": person + 1, "id": place + 1, "trigger_name": "high_priority_goal", "asked_at": NOW}


def candidate(batch: Batch, row: dict[str, Any]) -> dict[str, Any]:
    ranked = ("id", "contractor_id", "trigger_name", "message_type", "priority", "urgency", "changed_since")
    shown: dict[str, Any] = {name: row[name] for name in ranked}
    return shown | {
        "decided_on": batch.decided_on.isoformat(),
        "batch_id": batch.id,
        "subject_table": "ai_concierge_goals",
        "subject_id": row["id"],
        "occurrence": "first",
        "dedupe_key": f"high_priority_goal:ai_concierge_goals:{row['id']}:first",
        "reason": "A goal is open.",
        "facts": {},
        "dry_run": False,
        "created_at": NOW.isoformat(),
    }


def as_facts(rows: list[dict[str, Any]]) -> sql.Composable:
    """What facts.sql would have found of these contractors."""
    persons = {row["contractor_id"]: {name: row[name] for name in TYPES} for row in rows}
    columns = sql.SQL(", ").join(sql.SQL("{} " + kind).format(sql.Identifier(name)) for name, kind in TYPES.items())
    return sql.SQL("SELECT * FROM jsonb_to_recordset({}::jsonb) AS known ({})").format(
        sql.Literal(json.dumps(list(persons.values()), default=str)), columns
    )


def by_the_safeguards(rows: list[dict[str, Any]], asked: Screening) -> dict[int, Any]:
    """What they say when each row travels."""
    frame = frame_of(*[row | {"consent_needed": asked.consent_needed} for row in rows])
    findings, now = decide(frame, asked.settings)
    columns = as_columns({place: findings.get(place, ()) for place in frame.index}, asked.settings, now=now)
    said = zip(*(columns[name] for name in ("reasons", "verdicts", "not_before", "retry_at")), strict=True)
    return {
        row["id"]: (json.loads(reasons), *(value or None for value in others))
        for row, (reasons, *others) in zip(rows, said, strict=True)
    }


def told(row: DictRow) -> Any:
    moments = (row[name] and row[name].astimezone(NOW.tzinfo).isoformat() for name in ("not_before", "retry_at"))
    return (row["reasons"], row["verdict"], *moments)
