"""The checks as an operator reads them: from when each fails, and what it then says to do."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ige_pipeline.settings import Settings
from ige_pipeline.watch.figures import BatchFigures, Figures
from ige_pipeline.watch.judge import CHECKS, judge

FINE = Figures(asked_at=datetime(2026, 11, 24, 3, tzinfo=UTC), never_delivered=False, never_scheduled=False)


def batches(*found: int, blocked: float = 0.5) -> tuple[BatchFigures, ...]:
    """Batches by their candidates, the newest first, each with the same share blocked."""
    return tuple(BatchFigures(len(found) - place, each, int(each * blocked)) for place, each in enumerate(found))


def test_all_checks_pass_on_a_new_installation() -> None:
    assert [name for name, each in judge(FINE, Settings()).items() if not each.passed] == []


@pytest.mark.parametrize(
    ("check", "seen", "said"),
    [
        ("oldest_due", {"due": 3, "oldest_due_minutes": 121.0}, "could have left 121 min ago"),
        ("unconfirmed", {"unconfirmed": 1}, "1 opt-outs of the last day were not confirmed"),
        ("failure_share", {"posted": 10, "failed": 3}, "3 of 10 POSTs of the last hour failed"),
        ("circuit", {"open_circuits": {"n8n.example": "http_404"}}, "Sending pauses to n8n.example (http_404)"),
        ("candidates", {"batches": batches(0, *[9, 5, 1] * 8)}, "Batch 25 found nobody, and each of the 24 before it"),
        (
            "blocked_share",
            {"batches": (BatchFigures(9, 100, 100), *batches(*[100] * 8))},
            "Safeguards blocked 100% of batch 9's candidates, which is out of the ordinary",
        ),
        (
            "pace",
            {"arrivals_per_hour": 1801.0, "unsent": 9},
            "1,801 an hour arrive and 1,800 can leave: the backlog never clears",
        ),
        (
            "delivery_deadman",
            {"delivery_silent_minutes": 10.1},
            "The last delivery run that succeeded was 10 min ago: see that Dagster's daemon is up",
        ),
        (
            "scheduling_deadman",
            {"scheduling_silent_minutes": 121.0},
            "The last hourly batch that succeeded was 121 min ago",
        ),
        (
            "delivery_deadman",
            {"delivery_silent_minutes": 120.1, "never_delivered": True},
            "No delivery run has ever succeeded, 120 min after there was reason for one: see that",
        ),
        (
            "scheduling_deadman",
            {"scheduling_silent_minutes": 121.0, "never_scheduled": True},
            "No hourly batch has ever succeeded, 121 min after",
        ),
        ("model_spend", {"spent_today_usd": 16.01}, "16.01 of 20 USD a day"),
    ],
)
def test_each_check_fails_from_its_limit_on_and_says_what_to_look_at(
    check: str, seen: dict[str, Any], said: str
) -> None:
    judged = judge(replace(FINE, **seen), Settings())

    assert [name for name, each in judged.items() if not each.passed] == [check]
    assert said in judged[check].sentence
    assert "`ige " in judged[check].sentence or check == "model_spend"


@pytest.mark.parametrize(
    "seen",
    [
        {"due": 3, "oldest_due_minutes": 120.0},
        {"posted": 9, "failed": 9},
        {"posted": 10, "failed": 2},
        # Nobody was found before, either; or it is too early to tell.
        {"batches": batches(0, *[9, 0, 9] * 8)},
        {"batches": batches(0, *[9] * 23)},
        # Where there are one or two an hour, an hour without any is no wonder.
        {"batches": batches(0, *[1] * 24)},
        {"batches": (BatchFigures(9, 19, 19), *batches(*[100] * 8))},
        {"spent_today_usd": 16.0},
        {"arrivals_per_hour": 1799.0, "unsent": 9000},
        {"delivery_silent_minutes": 10.0, "scheduling_silent_minutes": 120.0},
        {"delivery_silent_minutes": 999.0, "stopped": True},
        {"delivery_silent_minutes": 119.0, "never_delivered": True},
    ],
)
def test_at_its_limit_or_where_too_little_is_known_a_check_passes(seen: dict[str, Any]) -> None:
    assert all(each.passed for each in judge(replace(FINE, **seen), Settings()).values())


def test_the_pace_says_when_the_backlog_clears() -> None:
    judged = judge(replace(FINE, arrivals_per_hour=900.0, unsent=2700), Settings())

    assert judged["pace"].sentence == "900 an hour arrive and 1,800 can leave: the backlog clears in 3 h."


def test_what_waits_for_a_person_is_one_word_everywhere() -> None:
    assert sorted(judge(FINE, Settings())) == sorted(check.name for check in CHECKS)
