"""Texts that others wrote: whose name goes where, and what stays a hole for the check of contents to refuse."""

from typing import Any

import pytest

from ige_pipeline.generation.draft import Brief
from ige_pipeline.generation.promised import own_words
from ige_pipeline.safeguards.content import review
from ige_pipeline.settings import Settings


def brief(template: str, *, first_name: str | None = "Maria", **facts: Any) -> Brief:
    return Brief(
        decision_id=1,
        contractor_id=2,
        trigger="event_message_due",
        message_type="milestone_follow_up",
        first_name=first_name,
        company_name="Vega Roofing",
        facts={"template": template, "personalise": False, "event_name": "Spring Meetup"} | facts,
        reason="Event message #1 was planned.",
    )


def text(template: str, **over: Any) -> str:
    written = own_words(brief(template, **over))
    assert written is not None
    return written.text


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("Hi {firstName}, {name} is tomorrow.", "Hi Maria, Spring Meetup is tomorrow."),
        ("Hi {first_name}, see you at {{eventName}}.", "Hi Maria, see you at Spring Meetup."),
        ("Hi {name}, {name} is tomorrow.", "Hi Maria, Spring Meetup is tomorrow."),
        ("Good morning {{ name }}! {name} begins.", "Good morning Maria! Spring Meetup begins."),
        ("{company} is on the list for {name}.", "Vega Roofing is on the list for Spring Meetup."),
    ],
)
def test_a_greeting_names_the_person_and_the_rest_the_event(template: str, filled: str) -> None:
    assert text(template) == filled


@pytest.mark.parametrize("name", ["Maria", "maria vega", "Maria Vega", "", None])
def test_an_event_is_never_called_by_the_contractor_s_own_name(name: str | None) -> None:
    assert text("Hi {firstName}, {name} is tomorrow.", names={"name": name}) == "Hi Maria, Spring Meetup is tomorrow."


def test_the_row_s_own_data_win_where_they_name_something_else() -> None:
    names = {"firstName": "Mari", "name": "The Roofers' Breakfast", "room": "Hall 2"}

    assert text("Hi {firstName}, {name} is in {room}.", names=names) == "Hi Mari, The Roofers' Breakfast is in Hall 2."
    assert text("Hi {name}, see you.", names=names) == "Hi Maria, see you."


def test_nobody_s_name_is_there_without_one() -> None:
    assert text("Hi {name}, see you at {name}.", first_name=None) == "Hi there, see you at Spring Meetup."


@pytest.mark.parametrize(
    ("template", "facts"),
    [
        ("Hi {firstName}, your check-in about {name} is here.", {"event_name": None}),
        ("Hi {firstName}, see you in {room} tomorrow then.", {"names": {"room": None}}),
        ("Hi firstName, see you at the meetup tomorrow then.", {}),
        ("Hi [Name], see you at the meetup tomorrow then.", {}),
        ("Hi {firstName}, see you at {name} tomorrow then.", {"names": {"name": "{{event}}"}}),
    ],
)
def test_a_hole_that_nothing_fills_is_seen_by_the_check(template: str, facts: dict[str, Any]) -> None:
    found = review(text(template, **facts), facts=("Maria",), settings=Settings())

    assert "placeholder_left" in {finding.reason for finding in found}
