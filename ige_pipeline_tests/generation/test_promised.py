"""Texts that others wrote: whose name goes where, and what stays a hole for the check of contents to refuse."""

from dataclasses import replace
from typing import Any

import pytest

from ige_pipeline.generation import prompt, untrusted
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
    ("template", "said"),
    [
        ("Hello {firstName}, here it is.", "Hello there, here it is."),
        ("{firstName}, here is the reminder.", "Here is the reminder."),
        ("See you. {first_name}, bring it.", "See you. Bring it."),
        ("Thanks {firstName}!", "Thanks!"),
        ("Good morning {{ firstName }}, see you.", "Good morning, see you."),
        ("See you soon, {firstName}.", "See you soon."),
        ("Ask for {firstName}.", "Ask for {firstName}."),
    ],
)
def test_where_no_name_is_known_an_address_is_left_out_and_anything_else_is_a_hole(template: str, said: str) -> None:
    assert text(template, first_name=None) == said
    assert "there" not in text(template)


@pytest.mark.parametrize("company", ["N/A", "none", "Unknown.", " TBD "])
def test_what_stands_for_no_company_is_never_said(company: str) -> None:
    about = replace(brief("{company} is on the list."), company_name=company)
    written = own_words(about)

    assert untrusted.company(company) == ""
    assert company.strip() not in prompt.messages(about)[1]["content"]
    assert written is not None
    assert written.text == "{company} is on the list."


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


def test_line_ends_and_joints_of_other_systems_are_no_fault_of_a_promised_text() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"

    written = text(f"Hi {{firstName}},\r\n\r\nbring\tit, fam\u200bily\u200d {family}\rAll \u2764\ufe0f\u200d\U0001f525")

    assert written == f"Hi Maria,\n\nbring it, family {family}\nAll \u2764\ufe0f\u200d\U0001f525"
    assert found_in(written) & {"control_character", "placeholder_left"} == set()
    assert "control_character" in found_in("Hi Maria, the f\u200dorm is here.")


@pytest.mark.parametrize(
    "template",
    [
        "Hi {firstName}, write your name on the form.",
        "Your username is ada1, see you tomorrow.",
        "Hi {firstName}, parking fee: None. See you.",
        "Put it on your TODO list, {firstName}.",
        "Meet us [at the back door] at noon :-}",
        "Sign here: ____ and bring <3 and the **form**.",
    ],
)
def test_words_that_a_person_may_mean_are_no_holes_in_a_promised_text(template: str) -> None:
    assert "placeholder_left" not in found_in(text(template), as_given=True)


@pytest.mark.parametrize(
    "written",
    [
        "Hi {room}, see you.",
        "Hi %s, see you.",
        "Hi [Name], see you.",
        "Hi <first name>, see you.",
        "Hi (supplier name), see you.",
        "Hi &lt;name&gt;, see you.",
        "Hi firstName, see you.",
        "Hi None, see you.",
        "Hi , see you.",
        "Hi ____, see you.",
        "Hi ..., see you.",
    ],
)
def test_a_hole_is_one_whoever_wrote_it(written: str) -> None:
    assert "placeholder_left" in found_in(written, as_given=True) & found_in(written)


def found_in(written: str, **how: Any) -> set[str]:
    return {finding.reason.value for finding in review(written, facts=("Maria",), settings=Settings(), **how)}
