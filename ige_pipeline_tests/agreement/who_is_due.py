"""Every trigger once more, row by row and slow, so that one can see that it is right.

Written from the rules' sentences. It shares nothing with the SQL but the settings.
"""

from collections.abc import Iterator
from datetime import timedelta
from hashlib import md5
from typing import Any

from ige_pipeline_tests.agreement.question import (
    Candidate,
    Due,
    Question,
    active_goals,
    any_after,
    counts,
    is_open,
    last_of,
    lately,
    most_urgent,
    names,
    of_goal,
    of_occurrence,
    open_items,
    was_there,
    written_about,
)
from ige_pipeline_tests.agreement.what_was_promised import event_messages, follow_ups
from ige_pipeline_tests.agreement.world import ACTION_ITEMS, GOALS, ITEMS, ActionItem, Goal

ANSWERED = ("resolved", "answered", "resolved_at", "answered_at")
STILL_OPEN = {"open", "pending", "new", "unanswered", "unresolved", "missing"}


def candidates(asked: Question) -> set[Candidate]:
    settings = asked.settings
    return {
        *most_urgent(_high_priority(asked), settings.high_priority_at_most),
        *most_urgent(_stalled(asked), settings.stalled_at_most),
        *most_urgent(_achieved(asked), settings.celebrate_at_most),
        *most_urgent(_approaching(asked), settings.approaching_at_most),
        *most_urgent(_overdue(asked), settings.overdue_at_most),
        *most_urgent(_data_gaps(asked), settings.data_gap_at_most),
        *most_urgent(_suggestions(asked), settings.suggestion_at_most),
        *follow_ups(asked),
        *event_messages(asked),
    }


def _high_priority(asked: Question) -> Iterator[Due]:
    for goal in active_goals(asked):
        if goal.priority_score is None or goal.priority_score < asked.settings.high_priority_min_score:
            continue
        items = [item for item in open_items(asked, goal) if was_there(item.created_at, asked)]
        about = written_about(asked, GOALS, goal.id, "goal_id")
        if not items or lately(about, asked.settings.high_priority_repeat_days, asked):
            continue
        first = min(items, key=lambda item: item.id)
        changed = any_after(asked, goal.updated_at, first.updated_at)
        yield goal.priority_score, of_goal("high_priority_goal", goal, last_of(about), changed=changed, about=first.id)


def _stalled(asked: Question) -> Iterator[Due]:
    for goal in asked.world.goals:
        if goal.status != "active" or goal.contractor_id is None or goal.priority_score is None:
            continue
        if goal.priority_score < asked.settings.stalled_min_score or goal.updated_at is None:
            continue
        quiet = asked.as_of - goal.updated_at
        about = written_about(asked, GOALS, goal.id, "goal_id")
        if quiet < timedelta(days=asked.settings.stalled_after_days):
            continue
        if lately(about, asked.settings.stalled_repeat_days, asked):
            continue
        first = min((item.id for item in open_items(asked, goal)), default=None)
        yield quiet.total_seconds(), of_goal("stalled_goal", goal, last_of(about), changed=False, about=first)


def _achieved(asked: Question) -> Iterator[Due]:
    for item in asked.world.items:
        if item.status != "completed" or item.contractor_id is None or item.completed_at is None:
            continue
        age = asked.as_of - item.completed_at
        if age < timedelta(0) or age >= timedelta(days=asked.settings.celebrate_within_days):
            continue
        about = written_about(asked, ITEMS, item.id, "item_id")
        # Of the old application's messages about an item, only a celebration celebrated it.
        if any(each.subject_id is not None or each.message_type == "celebration" for each in about):
            continue
        changed, when = any_after(asked, item.updated_at), asked.write(item.completed_at)
        found = Candidate("milestone_achieved", item.contractor_id, item.id, when, changed, item.id)
        yield item.completed_at.timestamp(), found


def _approaching(asked: Question) -> Iterator[Due]:
    for goal in active_goals(asked):
        due = min(_due_soon(asked, goal), key=lambda item: (item.due_date, item.id), default=None)
        near = bool((goal.next_milestone or "").strip(" ")) and (
            goal.current_progress is not None and goal.current_progress >= asked.settings.approaching_min_progress
        )
        about = written_about(asked, GOALS, goal.id, "goal_id")
        if not (due or near) or lately(about, asked.settings.approaching_repeat_days, asked):
            continue
        changed = any_after(asked, goal.updated_at, due.updated_at if due else None)
        item = due.id if due else None
        found = of_goal("milestone_approaching", goal, last_of(about), changed=changed, about=item)
        yield goal.current_progress or 0, found


def _due_soon(asked: Question, goal: Goal) -> Iterator[ActionItem]:
    for item in asked.world.action_items:
        if item.contractor_id != goal.contractor_id or not is_open(item) or item.due_date is None:
            continue
        if not was_there(item.created_at, asked) or _announced(asked, item):
            continue
        ahead = item.due_date - asked.as_of
        if timedelta(0) < ahead <= timedelta(days=asked.settings.approaching_within_days):
            yield item


def _announced(asked: Question, item: ActionItem) -> bool:
    """Whether somebody was told of it lately, whichever goal it went with."""
    told = [
        each
        for each in asked.world.messages
        if each.trigger_name == "milestone_approaching" and counts(each) and names(each, "action_item_id", item.id)
    ]
    return lately(told, asked.settings.approaching_repeat_days, asked)


def _overdue(asked: Question) -> Iterator[Due]:
    for item in asked.world.action_items:
        if item.contractor_id is None or not is_open(item) or item.due_date is None:
            continue
        late = asked.as_of - item.due_date
        if not was_there(item.created_at, asked):
            continue
        if late <= timedelta(0) or late > timedelta(days=asked.settings.overdue_within_days):
            continue
        about = written_about(asked, ACTION_ITEMS, item.id, None)
        if lately(about, asked.settings.overdue_repeat_days, asked):
            continue
        changed = any_after(asked, item.updated_at)
        found = Candidate("action_item_overdue", item.contractor_id, item.id, last_of(about), changed)
        yield late.total_seconds(), found


def _data_gaps(asked: Question) -> Iterator[Due]:
    for goal in active_goals(asked):
        gaps = goal.data_gaps if isinstance(goal.data_gaps, list) else []
        questions = [question for question in map(_open_question, gaps) if question]
        about = written_about(asked, GOALS, goal.id, "goal_id")
        if not questions or lately(about, asked.settings.data_gap_repeat_days, asked):
            continue
        changed = any_after(asked, goal.updated_at)
        yield goal.priority_score or 0, of_goal("data_gap", goal, last_of(about), changed=changed, about=questions[0])


def _open_question(gap: Any) -> str | None:
    """A text is a question; so is an object with one, unless it is marked as resolved or answered."""
    if isinstance(gap, str):
        return gap.strip() or None
    if not isinstance(gap, dict) or any(map(_says_yes, map(gap.get, ANSWERED))) or _has_answer(gap.get("answer")):
        return None
    status = gap.get("status")
    if status is not None and _plain(status) not in {"", *STILL_OPEN}:
        return None
    texts = [gap.get(name) for name in ("question", "description", "field")]
    return next((text.strip() for text in texts if isinstance(text, str) and text.strip()), None)


def _says_yes(mark: Any) -> bool:
    """A mark may be a flag or a time, in whatever type; what is written out as a no is one."""
    return bool(mark) and _plain(mark) not in {"", "false", "no", "0"}


def _has_answer(answer: Any) -> bool:
    """No and none at all are answers; where there is nothing, there is none."""
    return answer is not None and _plain(answer) not in {"", "[]", "{}"}


def _plain(value: Any) -> str:
    return str(value).strip().lower()


def _suggestions(asked: Question) -> Iterator[Due]:
    for goal in active_goals(asked):
        confidence = goal.pattern_confidence
        if confidence is None or confidence < asked.settings.suggestion_min_confidence:
            continue
        if not (goal.pattern_source or "").strip(" ") or _suggested(asked, goal):
            continue
        pattern = md5((goal.pattern_source or "").encode(), usedforsecurity=False).hexdigest()
        changed = any_after(asked, goal.updated_at)
        yield confidence, of_goal("resource_suggestion", goal, pattern, changed=changed, about=goal.pattern_source)


def _suggested(asked: Question, goal: Goal) -> bool:
    """Whether this pattern was suggested by us, or anything by the old application."""
    ours = of_occurrence(asked, "resource_suggestion", GOALS, goal.id)
    old = [
        message
        for message in written_about(asked, GOALS, goal.id, "goal_id")
        if message.subject_id is None and message.message_type == "resource_suggestion"
    ]
    return bool(old) or any(counts(message) for message in ours)
