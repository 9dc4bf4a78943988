"""The rows of a small database, as plain values."""

from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

GOALS, ITEMS, ACTION_ITEMS = "ai_concierge_goals", "ai_concierge_checklist_items", "contractor_action_items"
FOLLOW_UPS, EVENT_MESSAGES = "contractor_followup_schedules", "event_messages"

Row = TypeVar("Row")


@dataclass(frozen=True)
class Goal:
    id: int
    contractor_id: int | None
    status: str
    priority_score: int | None
    current_progress: int | None
    next_milestone: str | None
    pattern_source: str | None
    pattern_confidence: float | None
    data_gaps: Any
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True)
class Item:
    id: int
    goal_id: int | None
    contractor_id: int | None
    status: str
    created_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True)
class ActionItem:
    id: int
    contractor_id: int | None
    status: str | None
    due_date: datetime | None
    completed_at: datetime | None
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True)
class FollowUp:
    id: int
    contractor_id: int | None
    action_item_id: int | None
    status: str | None
    scheduled_time: datetime | None
    followup_type: str | None
    skip_if_completed: bool | None


@dataclass(frozen=True)
class EventMessage:
    id: int
    contractor_id: int | None
    status: str | None
    scheduled_time: datetime | None
    message_type: str | None
    channel: str | None
    direction: str | None


@dataclass(frozen=True)
class Message:
    """One message about a subject, named in columns (ours) or in `context_data` (the old application's).

    `for_its_occurrence`: it was written by `trigger_name` for what the subject is now, and not before that.
    `ended` is None, or how it ended unsent: `dead` (no number), `refused` (by the endpoint), `cancelled` (the world
    changed), `declined` (somebody said no) or `expired`.
    """

    id: int
    trigger_name: str | None
    message_type: str
    subject_table: str | None
    subject_id: int | None
    for_its_occurrence: bool
    context_data: Any
    sent_at: datetime | None
    ended: str | None
    ended_at: datetime


@dataclass(frozen=True)
class World:
    goals: list[Goal] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    action_items: list[ActionItem] = field(default_factory=list)
    follow_ups: list[FollowUp] = field(default_factory=list)
    event_messages: list[EventMessage] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    adopted: bool = True


def shifted(world: World, by: timedelta) -> World:
    """The same rows, all of whose times lie so much later."""
    lists = {each.name: getattr(world, each.name) for each in fields(world) if each.name != "adopted"}
    return World(adopted=world.adopted, **{name: [_later(row, by) for row in rows] for name, rows in lists.items()})


def _later(row: Row, by: timedelta) -> Row:
    times = {name: value + by for name, value in vars(row).items() if isinstance(value, datetime)}
    return replace(row, **times)  # type: ignore[type-var] # each of them is a dataclass
