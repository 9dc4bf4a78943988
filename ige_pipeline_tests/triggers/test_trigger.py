"""What the head of a trigger's file must say."""

import pytest

from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.trigger import MESSAGE_TYPES, Trigger, load_all, parse, read

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


def test_only_the_comment_that_a_file_begins_with_is_its_head() -> None:
    text = WHOLE.replace("SELECT 1;", "SELECT 1\n-- priority: 90\n-- owner: nobody\n  FROM somewhere;")

    assert parse(text, file="triggers/goal_renewed.sql").priority == 40


def test_the_sentence_of_a_head_may_hold_a_colon() -> None:
    text = WHOLE.replace("A goal was taken up again.", "A goal was taken up again: ask how it goes. Note: be kind.")

    assert parse(text, file="triggers/goal_renewed.sql").priority == 40


@pytest.mark.parametrize("key", ["priorty", "cooldown", "at_least"])
def test_a_key_that_means_nothing_is_refused(key: str) -> None:
    text = WHOLE.replace("-- priority: ", f"-- {key}: 3\n-- priority: ")

    with pytest.raises(Refusal, match=f"triggers/goal_renewed.sql has {key} in its head, which means nothing"):
        parse(text, file="triggers/goal_renewed.sql")


def test_a_key_that_is_said_twice_is_refused() -> None:
    text = WHOLE.replace("-- at_most: ", "-- priority:     90\n-- at_most: ")

    with pytest.raises(Refusal, match="says its priority twice"):
        parse(text, file="triggers/goal_renewed.sql")


@pytest.mark.parametrize("word", ["no", "Yes", "true"])
def test_a_promise_is_made_with_yes_or_not_at_all(word: str) -> None:
    text = WHOLE.replace("-- at_most: ", f"-- promised:     {word}\n-- at_most: ")

    with pytest.raises(Refusal, match=f"has promised '{word}': write yes"):
        parse(text, file="triggers/goal_renewed.sql")


def test_a_key_without_a_value_is_not_said() -> None:
    with pytest.raises(Refusal, match="does not say its subject"):
        parse(WHOLE.replace("ai_concierge_goals", ""), file="triggers/goal_renewed.sql")


@pytest.mark.parametrize("line", ["-- nearest", "-- nearest   ", "-- nearest\r"])
def test_what_follows_the_word_nearest_is_no_part_of_the_selection(line: str) -> None:
    trigger = parse(f"{WHOLE}\n{line}\nSELECT 2;\n", file="triggers/goal_renewed.sql")

    assert (trigger.selects.endswith("SELECT 1"), trigger.nearest) == (True, "SELECT 2")


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(Refusal, match="Two files are named goal_renewed in their heads"):
        read([("triggers/one.sql", WHOLE), ("triggers/other.sql", WHOLE)])


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
