"""The three goal triggers once more, row by row and slow, so that one can see that they are right.

It shares nothing with the SQL but the settings.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ige_pipeline.settings import Settings

GOALS, ITEMS = "ai_concierge_goals", "ai_concierge_checklist_items"


@dataclass(frozen=True)
class Goal:
    id: int
    contractor_id: int | None
    status: str
    priority_score: int | None
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
class Message:
    """`ended` is dead, cancelled or expired: it never reached anyone. `declined`: somebody said no, as of now."""

    id: int
    subject_table: str | None
    subject_id: int | None
    context_data: Any
    sent_at: datetime | None
    ended: str | None


@dataclass(frozen=True)
class World:
    goals: list[Goal] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)


@dataclass(frozen=True, order=True)
class Candidate:
    trigger: str
    contractor_id: int
    subject_id: int
    occurrence: str
    changed_since: bool
    item_id: int | None


Wording = Callable[[datetime], str]


def candidates(world: World, settings: Settings, *, as_of: datetime, write: Wording) -> set[Candidate]:
    """Everyone who is due. `write` gives a time as the application's own column shows it."""
    return {
        *_high_priority(world, settings, as_of),
        *_stalled(world, settings, as_of),
        *_achieved(world, settings, as_of, write),
    }


def _high_priority(world: World, settings: Settings, as_of: datetime) -> Iterable[Candidate]:
    due = []
    for goal in world.goals:
        if goal.status != "active" or goal.contractor_id is None or goal.priority_score is None:
            continue
        if goal.priority_score < settings.high_priority_min_score:
            continue
        if goal.created_at is not None and goal.created_at > as_of:
            continue
        items = [item for item in _open_items(world, goal) if item.created_at is None or item.created_at <= as_of]
        if not items:
            continue
        about = _about_goal(world, goal)
        if _lately(about, timedelta(days=settings.high_priority_repeat_days), as_of):
            continue
        first = min(items, key=lambda item: item.id)
        changed = _after(as_of, goal.updated_at, first.updated_at)
        due.append((goal.priority_score, _found("high_priority_goal", goal, about, changed=changed, item=first)))
    return _most_urgent(due, settings.high_priority_at_most)


def _stalled(world: World, settings: Settings, as_of: datetime) -> Iterable[Candidate]:
    due = []
    for goal in world.goals:
        if goal.status != "active" or goal.contractor_id is None or goal.priority_score is None:
            continue
        if goal.priority_score < settings.stalled_min_score:
            continue
        if goal.updated_at is None or as_of - goal.updated_at < timedelta(days=settings.stalled_after_days):
            continue
        about = _about_goal(world, goal)
        if _lately(about, timedelta(days=settings.stalled_repeat_days), as_of):
            continue
        first = min(_open_items(world, goal), key=lambda item: item.id, default=None)
        quiet = (as_of - goal.updated_at).total_seconds()
        due.append((quiet, _found("stalled_goal", goal, about, changed=False, item=first)))
    return _most_urgent(due, settings.stalled_at_most)


def _achieved(world: World, settings: Settings, as_of: datetime, write: Wording) -> Iterable[Candidate]:
    due = []
    for item in world.items:
        if item.status != "completed" or item.contractor_id is None or item.completed_at is None:
            continue
        if item.completed_at > as_of or as_of - item.completed_at >= timedelta(days=settings.celebrate_within_days):
            continue
        if _about_item(world, item):
            continue
        changed = _after(as_of, item.updated_at)
        found = Candidate("milestone_achieved", item.contractor_id, item.id, write(item.completed_at), changed, item.id)
        due.append((item.completed_at.timestamp(), found))
    return _most_urgent(due, settings.celebrate_at_most)


def _found(trigger: str, goal: Goal, about: list[Message], *, changed: bool, item: Item | None) -> Candidate:
    last = str(max(message.id for message in about)) if about else "first"
    assert goal.contractor_id is not None
    return Candidate(trigger, goal.contractor_id, goal.id, last, changed, None if item is None else item.id)


def _open_items(world: World, goal: Goal) -> list[Item]:
    return [item for item in world.items if item.goal_id == goal.id and item.status == "pending"]


def _about_goal(world: World, goal: Goal) -> list[Message]:
    return [message for message in world.messages if _is_about(message, GOALS, "goal_id", goal.id)]


def _about_item(world: World, item: Item) -> list[Message]:
    return [message for message in world.messages if _is_about(message, ITEMS, "item_id", item.id)]


def _is_about(message: Message, table: str, key: str, subject_id: int) -> bool:
    if message.ended and message.ended != "declined":
        return False
    if message.subject_id is not None:
        return message.subject_table == table and message.subject_id == subject_id
    if not isinstance(message.context_data, dict):
        return False
    named = message.context_data.get(key)
    return not isinstance(named, bool) and named in (subject_id, str(subject_id))


def _lately(about: list[Message], repeat: timedelta, as_of: datetime) -> bool:
    """A message that waits to be sent counts whatever `repeat` is; one that was declined counts as sent now."""
    return any(
        repeat > timedelta(0)
        if message.ended == "declined"
        else message.sent_at is None or as_of - message.sent_at < repeat
        for message in about
    )


def _after(as_of: datetime, *moments: datetime | None) -> bool:
    return any(moment is not None and moment > as_of for moment in moments)


def _most_urgent(due: Sequence[tuple[float, Candidate]], at_most: int) -> Iterable[Candidate]:
    by_contractor: dict[int, list[tuple[float, Candidate]]] = defaultdict(list)
    for urgency, candidate in due:
        by_contractor[candidate.contractor_id].append((-urgency, candidate))
    for theirs in by_contractor.values():
        theirs.sort(key=lambda each: (each[0], each[1].subject_id))
        yield from (candidate for _, candidate in theirs[:at_most])
