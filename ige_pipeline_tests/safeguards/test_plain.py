"""The sieve spares time and changes no answer, whatever the facts and the settings."""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from ige_pipeline.safeguards.plain import plain
from ige_pipeline.safeguards.recipient import FACTS, judge
from ige_pipeline.safeguards.screen import screen
from ige_pipeline.settings import Settings
from ige_pipeline_tests.safeguards.test_recipient import NOW, TIMES, facts, frame_of

AGES = st.sampled_from([0, 1, 23.99, 24, 47.99, 48, 49, 167, 168, 400, 719, 721, 2000])
MOMENTS = st.none() | AGES.map(lambda hours: NOW - timedelta(hours=hours))
FLAGS = st.sampled_from([True, False, None, 0, 1, "no"])
COUNTS = st.sampled_from([0, 1, 2, 3, 9, None])
COUNTED = ("recent_sent", "recent_unanswered", "complaints", "sent_day", "sent_week", "sent_30_days")
STRANGE: dict[str, Any] = {
    "known": FLAGS,
    "suppressed": FLAGS,
    "paused": FLAGS,
    "changed_since": FLAGS,
    "consent_needed": FLAGS,
    "promised": st.booleans(),
    "phone_verdict": st.sampled_from(["possible", "local_only", "impossible", "none", None, "?"]),
    "phone_state": st.sampled_from([None, "FL", "TX", "NY", "Atlantis"]),
    "phone_zones": st.sampled_from([None, "America/New_York", "Nowhere/Land", ""]),
    "timezone": st.sampled_from([None, "America/New_York", "Nowhere", "", 7]),
    "consent": st.sampled_from(["given", "none", "revoked", None, "perhaps"]),
    "paused_until": MOMENTS,
    "last_sent_at": MOMENTS,
    "recent_last_sent_at": MOMENTS,
    "complained_at": MOMENTS,
    "waiting_message_id": st.sampled_from([None, 7]),
    "last_message_id": st.sampled_from([None, 6]),
    "trust_score": st.sampled_from([None, 0, 19, 20, 50, 100]),
    **dict.fromkeys(
        ("recent_sent", "recent_unanswered", "complaints", "sent_day", "sent_week", "sent_30_days"), COUNTS
    ),
}
ROWS = st.builds(
    lambda odd: facts(**odd),
    st.lists(st.sampled_from(sorted(STRANGE)), max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: STRANGE[name] for name in names})
    ),
)
THRESHOLDS = st.fixed_dictionaries(
    {},
    optional={
        "min_gap_hours": st.sampled_from([0, 24, 48, 200]),
        "trust_tiers": st.booleans(),
        "ignored_in_a_row": st.sampled_from([1, 3]),
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
    },
)


@settings(max_examples=300, deadline=None)
@example(rows=[facts(consent_needed=None)], thresholds={"consent_basis": "they signed"})
@given(rows=st.lists(ROWS, min_size=1, max_size=8), thresholds=THRESHOLDS)
def test_a_frame_is_judged_as_each_of_its_rows(rows: list[dict[str, Any]], thresholds: dict[str, Any]) -> None:
    frame, asked = frame_of(*rows), Settings(**thresholds)

    found = screen(frame, asked, now=NOW)

    judged = judge([{**row, **times(frame, place)} for place, row in enumerate(rows)], asked, now=NOW)
    assert {place: list(said) for place, said in found.items()} == {
        place: said for place, said in enumerate(judged) if said
    }
    event(f"{int(plain(frame, asked, now=NOW).sum())} of {len(rows)} are plain")


def times(frame: pd.DataFrame, place: int) -> dict[str, Any]:
    """The frame's times as the safeguards read them."""
    return {name: None if pd.isna(frame[name][place]) else frame[name][place].to_pydatetime() for name in TIMES}


def test_somebody_against_whom_nothing_speaks_is_plain_also_at_night() -> None:
    rows = [
        facts(),
        facts(timezone="Asia/Tokyo"),
        facts(consent="given"),
        facts(phone_state="FL"),
        facts(last_message_id=6, last_sent_at=NOW - timedelta(days=9), sent_30_days=1, recent_sent=3),
    ]

    assert plain(frame_of(*rows), Settings(), now=NOW).tolist() == [True] * 5


@pytest.mark.parametrize("name", sorted(FACTS - {"message_type"}))
def test_where_a_fact_is_missing_altogether_nobody_is_plain(name: str) -> None:
    frame = frame_of(facts(), facts()).drop(columns=name)

    assert not np.any(plain(frame, Settings(), now=NOW))
