"""The two promised triggers, row by row: what somebody planned for a time that has come."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from ige_pipeline_tests.agreement.question import Candidate, Question, of_occurrence
from ige_pipeline_tests.agreement.world import EVENT_MESSAGES, FOLLOW_UPS


def follow_ups(asked: Question) -> Iterator[Candidate]:
    types = {"reminder": "milestone_follow_up", "completion_confirmation": "milestone_follow_up"}
    types |= {"offer_help": "resource_suggestion"}
    completed = {
        item.id for item in asked.world.action_items if item.status == "completed" or item.completed_at is not None
    }
    for plan in asked.world.follow_ups:
        if plan.contractor_id is None or not _is_promised(asked, plan, "follow_up_due", FOLLOW_UPS):
            continue
        assert plan.scheduled_time is not None
        done = plan.skip_if_completed is not False and plan.action_item_id in completed
        word = plan.followup_type or "follow_up"
        yield Candidate(
            "follow_up_due",
            plan.contractor_id,
            plan.id,
            asked.write(plan.scheduled_time),
            about=(types.get(word, "check_in"), word),
            closed="item_completed" if done else _late(asked, plan.scheduled_time),
        )


def event_messages(asked: Question) -> Iterator[Candidate]:
    for plan in asked.world.event_messages:
        if plan.contractor_id is None or plan.channel != "sms" or plan.direction not in {None, "outbound"}:
            continue
        if not _is_promised(asked, plan, "event_message_due", EVENT_MESSAGES):
            continue
        assert plan.scheduled_time is not None
        yield Candidate(
            "event_message_due",
            plan.contractor_id,
            plan.id,
            asked.write(plan.scheduled_time),
            about=("milestone_follow_up", plan.message_type or "event"),
            closed=_late(asked, plan.scheduled_time),
        )


def _is_promised(asked: Question, plan: Any, trigger: str, table: str) -> bool:
    """Planned, due, and neither written about this time already nor taken back by somebody."""
    if not asked.world.adopted or plan.status != "scheduled" or plan.scheduled_time is None:
        return False
    if plan.scheduled_time > asked.as_of:
        return False
    written = of_occurrence(asked, trigger, table, plan.id)
    return all(message.ended in {"cancelled", "expired"} for message in written)


def _late(asked: Question, planned_for: datetime) -> str | None:
    late = asked.now - planned_for >= timedelta(hours=asked.settings.promised_late_hours)
    return "late" if late else None
