"""What the head of a trigger's file must say."""

import pytest

from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.trigger import MESSAGE_TYPES, Trigger, load_all, parse

WHOLE = """
-- trigger:      goal_renewed
-- message_type: check_in
-- priority:     40
-- subject:      ai_concierge_goals
-- repeat_days:  high_priority_repeat_days
-- at_most:      high_priority_at_most
-- A goal was taken up again.
SELECT 1;
"""


def test_a_whole_head_makes_a_trigger() -> None:
    trigger = parse(WHOLE, file="triggers/goal_renewed.sql")

    assert (trigger.name, trigger.message_type, trigger.priority) == ("goal_renewed", "check_in", 40)
    assert (trigger.subject, trigger.repeat_days, trigger.promised) == (
        "ai_concierge_goals",
        "high_priority_repeat_days",
        False,
    )
    assert trigger.selects.endswith("SELECT 1")


@pytest.mark.parametrize("key", ["trigger", "message_type", "priority", "subject", "repeat_days", "at_most"])
def test_a_head_that_lacks_a_line_is_refused_by_its_name(key: str) -> None:
    text = "\n".join(line for line in WHOLE.splitlines() if not line.startswith(f"-- {key}:"))

    with pytest.raises(Refusal, match=f"triggers/goal_renewed.sql does not say its {key}"):
        parse(text, file="triggers/goal_renewed.sql")


def test_a_message_type_that_the_table_refuses_is_refused_before() -> None:
    with pytest.raises(Refusal, match="message_type 'shout', which is none of"):
        parse(WHOLE.replace("check_in", "shout"), file="triggers/goal_renewed.sql")


@pytest.mark.parametrize("priority", ["high", "101", "-1", "4.5"])
def test_a_priority_is_a_whole_number_from_0_to_100(priority: str) -> None:
    with pytest.raises(Refusal, match="write a whole number from 0 to 100"):
        parse(WHOLE.replace("40", priority), file="triggers/goal_renewed.sql")


def test_the_triggers_come_by_priority_and_each_has_a_name_of_its_own() -> None:
    triggers = load_all()

    assert [each.priority for each in triggers] == sorted((each.priority for each in triggers), reverse=True)
    assert len({each.name for each in triggers}) == len(triggers)
    assert {"milestone_achieved", "high_priority_goal", "stalled_goal"} <= {each.name for each in triggers}


@pytest.mark.parametrize("trigger", load_all(), ids=lambda trigger: trigger.name)
def test_a_built_in_trigger_names_settings_that_exist(trigger: Trigger) -> None:
    assert trigger.message_type in MESSAGE_TYPES
    assert trigger.repeat_days in {"never", "each", *Settings.model_fields}
    assert trigger.at_most in Settings.model_fields or (trigger.promised and trigger.at_most == "all")
