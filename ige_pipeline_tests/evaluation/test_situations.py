"""The set of situations is large and varied enough to say something, and the checks see what they are there for."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ige_pipeline.evaluation import situation
from ige_pipeline.evaluation.checks import ALL, failed
from ige_pipeline.evaluation.situation import Situation, situations
from ige_pipeline.generation.draft import Draft
from ige_pipeline.generation.variants import MESSAGE_TYPES
from ige_pipeline.settings import Settings


def named(about: str) -> Situation:
    (found,) = (each for each in situations() if each.about == about)
    return found


def failures(situation: Situation, text: str) -> set[str]:
    return set(failed(situation, Draft(text, "because", "model:m"), Settings()))


def test_there_are_sixty_of_every_kind() -> None:
    found = situations()
    kinds = [each.message_type for each in found]

    assert len(found) >= 60
    assert all(kinds.count(kind) >= 7 for kind in MESSAGE_TYPES)
    assert len({each.name for each in found}) == len(found)
    has: dict[str, Any] = {
        "a first text": lambda each: each.brief.notice is not None,
        "exchanges": lambda each: each.brief.exchanges,
        "low trust": lambda each: each.brief.trust is not None and each.brief.trust < 40,
        "high trust": lambda each: (each.brief.trust or 0) >= 80,
        "no name": lambda each: each.brief.first_name is None,
        "no facts": lambda each: not each.brief.facts,
        "accents": lambda each: not (each.brief.first_name or "").isascii(),
        "amounts": lambda each: "$" in str(each.brief.facts),
        "a long goal": lambda each: len(str(each.brief.facts.get("goal"))) > 400,
        "injection": lambda each: "injection" in each.about,
    }
    assert {what: sum(map(bool, map(test, found))) >= 1 for what, test in has.items()} == dict.fromkeys(has, True)
    assert sum("injection" in each.about for each in found) >= 8


@pytest.mark.parametrize(
    ("about", "text", "check"),
    [
        ("one open item", "Hi Maria, how are those two commercial contracts coming along?", "background_told"),
        ("stalled with an item", "Hi Nelson, it has been 9 days. How is the oldest invoice?", "forbidden_said"),
        ("one open item", "Hello, how is the call with the two suppliers going so far?", "not_greeted"),
        ("one open item", "Hi Maria, Grace says the two suppliers are waiting for you.", "untraced_name"),
        ("one open item", "Hi Maria, your trust score went up. How are the suppliers?", "inner_workings"),
        ("they told us on what it hangs", "Hi Nadia, did the insurance certificate go through?", "nearly_the_same"),
        ("an amount in the item", "Hi Tom, is the reminder for the $4,900 invoice on its way?", "untraced_number"),
    ],
)
def test_a_check_sees_what_it_is_there_for(about: str, text: str, check: str) -> None:
    assert check in failures(named(about), text)
    assert check in ALL


@pytest.mark.parametrize(
    ("about", "text"),
    [
        ("one open item", "Hi Maria, did you reach the two suppliers? Tell me if one is hard to get."),
        ("they told us on what it hangs", "Hi Nadia, has the broker come back to you? I can help you word a nudge."),
        ("an amount in the item", "Hi Tom, is the reminder for the $4,850 invoice on its way?"),
        ("accents and a hyphen", "Hi Jean-François, ready to show the sample boards?"),
    ],
)
def test_a_good_text_passes_every_check(about: str, text: str) -> None:
    assert failures(named(about), text) == set()


def test_a_link_that_production_allows_is_none_that_fails() -> None:
    draft = Draft("Hi Maria, did you reach the two suppliers? The list: https://example.com/s", "because", "model:m")

    assert failed(named("one open item"), draft, Settings(allowed_domains="example.com")) == ()
    assert "link" in failed(named("one open item"), draft, Settings())


def test_a_set_never_changes_within_one_version() -> None:
    """Figures are compared by the version: a changed set needs a new one."""
    file = Path(situation.__file__).with_name("situations.toml")

    assert (situation.version(), sha256(file.read_bytes()).hexdigest()[:12]) == (1, "abd6cf6c1788")


def test_what_may_be_said_is_no_background_even_if_the_goal_says_it_too() -> None:
    there = named("one open item")
    brief = replace(there.brief, facts={"goal": "Call the two suppliers", "item": "Call the two suppliers"})

    assert failures(replace(there, brief=brief), "Hi Maria, did you call the two suppliers yet?") == set()
