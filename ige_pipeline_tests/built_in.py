"""The triggers that come with the package, by name: tests that are about these stay green when somebody adds a file."""

from ige_pipeline.triggers.trigger import Trigger, chosen

NAMES = frozenset(
    {
        "action_item_overdue",
        "data_gap",
        "event_message_due",
        "follow_up_due",
        "high_priority_goal",
        "milestone_achieved",
        "milestone_approaching",
        "resource_suggestion",
        "stalled_goal",
    }
)


def built_in() -> tuple[Trigger, ...]:
    """Return them, highest priority first; Refusal when one is gone."""
    return chosen(NAMES)
