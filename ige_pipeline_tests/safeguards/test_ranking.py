"""One proactive message for each contractor and batch."""

from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from ige_pipeline.safeguards.ranking import outranked
from ige_pipeline.safeguards.reason import Reason


def candidate(number: int, **over: Any) -> dict[str, Any]:
    row = {"id": number, "contractor_id": 1, "trigger_name": "stalled_goal", "priority": 50, "urgency": 1.0}
    return row | {"promised": False} | over


def losers(*rows: dict[str, Any], blocked: set[int] | None = None) -> set[int]:
    """The ids of those that lost."""
    found = outranked(pd.DataFrame(list(rows)), blocked=blocked or set())
    return {int(rows[index]["id"]) for index in found}


def test_the_highest_priority_wins() -> None:
    assert losers(candidate(1, priority=50), candidate(2, priority=80), candidate(3, priority=70)) == {1, 3}


def test_of_equals_the_more_urgent_wins() -> None:
    assert losers(candidate(1, urgency=7), candidate(2, urgency=9.5)) == {1}


def test_of_the_equally_urgent_the_older_decision_wins_in_whatever_order_they_come() -> None:
    assert losers(candidate(11), candidate(10)) == {11}
    assert losers(candidate(10), candidate(11)) == {11}


def test_a_blocked_candidate_does_not_compete() -> None:
    assert losers(candidate(1, priority=80), candidate(2), candidate(3), blocked={0}) == {3}


def test_a_promised_message_neither_wins_nor_loses() -> None:
    assert losers(candidate(1, priority=90, promised=True), candidate(2), candidate(3, priority=95)) == {2}
    assert losers(candidate(1, promised=True), candidate(2, promised=True)) == set()


def test_each_contractor_has_a_winner_of_their_own() -> None:
    assert losers(candidate(1), candidate(2, contractor_id=2), candidate(3, contractor_id=2)) == {3}


def test_who_lost_is_told_to_whom() -> None:
    rows = pd.DataFrame([candidate(41), candidate(42, priority=80, trigger_name="milestone_achieved")])

    ((finding,),) = outranked(rows, blocked=set()).values()

    assert finding.reason is Reason.OUTRANKED
    assert finding.observed == "milestone_achieved (decision 42)"
    assert finding.clears_at is None


CANDIDATES = st.lists(
    st.fixed_dictionaries(
        {
            "contractor_id": st.integers(1, 3),
            "priority": st.sampled_from([50, 70, 80]),
            "urgency": st.sampled_from([0.0, 1.0]),
            "promised": st.booleans(),
            "blocked": st.booleans(),
        },
    ),
    min_size=1,
    max_size=8,
)


@given(drawn=CANDIDATES, order=st.randoms(use_true_random=False))
def test_one_of_those_that_may_be_sent_wins_and_the_order_of_rows_does_not_matter(drawn: list[Any], order: Any) -> None:
    rows = [candidate(number, **each) for number, each in enumerate(drawn)]
    mixed = order.sample(rows, len(rows))

    lost = losers(*rows, blocked={place for place, row in enumerate(rows) if row["blocked"]})

    assert losers(*mixed, blocked={place for place, row in enumerate(mixed) if row["blocked"]}) == lost
    rivals = [row for row in rows if not row["blocked"] and not row["promised"]]
    assert lost <= {row["id"] for row in rivals}
    winners = [row for row in rivals if row["id"] not in lost]
    assert sorted(row["contractor_id"] for row in winners) == sorted({row["contractor_id"] for row in rivals})
    best = {row["contractor_id"]: row["priority"] for row in sorted(rivals, key=lambda row: int(row["priority"]))}
    assert all(row["priority"] == best[row["contractor_id"]] for row in winners)
