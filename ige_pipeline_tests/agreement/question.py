"""What is asked of the rules, what they answer, and what several of them ask of the rows."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ige_pipeline.settings import Settings
from ige_pipeline_tests.agreement.world import GOALS, ITEMS, ActionItem, Goal, Item, Message, World


@dataclass(frozen=True)
class Candidate:
    """Somebody who is due. `about` is what the message will be about; `closed` why it will not be written after all."""

    trigger: str
    contractor_id: int
    subject_id: int
    occurrence: str
    changed_since: bool = False
    about: Any = None
    closed: str | None = None


Wording = Callable[[datetime], str]
Due = tuple[float, Candidate]


@dataclass(frozen=True)
class Question:
    """What is asked: who of `world` is due at `as_of`? `write` shows a time as the application's column does."""

    world: World
    settings: Settings
    as_of: datetime
    now: datetime
    write: Wording


def active_goals(asked: Question) -> list[Goal]:
    return [
        goal
        for goal in asked.world.goals
        if goal.status == "active" and goal.contractor_id is not None and was_there(goal.created_at, asked)
    ]


def open_items(asked: Question, goal: Goal) -> list[Item]:
    return [item for item in asked.world.items if item.goal_id == goal.id and item.status == "pending"]


def is_open(item: ActionItem) -> bool:
    return item.status not in {None, "completed", "cancelled"} and item.completed_at is None


def of_goal(trigger: str, goal: Goal, occurrence: str, *, changed: bool, about: Any) -> Candidate:
    assert goal.contractor_id is not None
    return Candidate(trigger, goal.contractor_id, goal.id, occurrence, changed, about)


def last_of(about: list[Message]) -> str:
    return str(max(message.id for message in about)) if about else "first"


def written_about(asked: Question, table: str, subject_id: int, key: str | None) -> list[Message]:
    return [each for each in asked.world.messages if counts(each) and _is_about(each, table, key, subject_id)]


def _is_about(message: Message, table: str, key: str | None, subject_id: int) -> bool:
    if message.subject_id is not None and message.subject_table == table:
        return message.subject_id == subject_id
    celebrates_an_item_of = message.subject_table == ITEMS and table == GOALS
    if message.subject_id is not None and not celebrates_an_item_of:
        return False
    return key is not None and names(message, key, subject_id)


def names(message: Message, key: str, subject_id: int) -> bool:
    """Whether a message's `context_data` names a row by its id."""
    if not isinstance(message.context_data, dict):
        return False
    named = message.context_data.get(key)
    return not isinstance(named, bool) and named in (subject_id, str(subject_id))


def of_occurrence(asked: Question, trigger: str, table: str, subject_id: int) -> list[Message]:
    subject = (trigger, table, subject_id)
    return [
        message
        for message in asked.world.messages
        if message.for_its_occurrence and (message.trigger_name, message.subject_table, message.subject_id) == subject
    ]


def counts(message: Message) -> bool:
    """One that never reached anyone does not, unless somebody said no to it."""
    return message.ended in {None, "refused", "declined"}


def lately(about: list[Message], repeat_days: float, asked: Question) -> bool:
    """A message that waits to be sent counts whatever the days are; one that was declined, from then on."""
    waiting = any(message.sent_at is None and message.ended is None for message in about)
    moments = [message.sent_at for message in about] + [message.ended_at for message in about if message.ended]
    return waiting or any(
        asked.as_of - moment < timedelta(days=repeat_days) for moment in moments if moment is not None
    )


def was_there(created_at: datetime | None, asked: Question) -> bool:
    return created_at is None or created_at <= asked.as_of


def any_after(asked: Question, *moments: datetime | None) -> bool:
    return any(moment is not None and moment > asked.as_of for moment in moments)


def most_urgent(due: Iterable[Due], at_most: int) -> Iterator[Candidate]:
    by_contractor: dict[int, list[Due]] = defaultdict(list)
    for urgency, candidate in due:
        by_contractor[candidate.contractor_id].append((-urgency, candidate))
    for theirs in by_contractor.values():
        theirs.sort(key=lambda each: (each[0], each[1].subject_id))
        yield from (candidate for _, candidate in theirs[:at_most])
