from dataclasses import replace

import pytest

from ige_pipeline.generation import template
from ige_pipeline.generation.template_check import check
from ige_pipeline.generation.variants import Greeting, Templates, Variant
from ige_pipeline.safeguards import template_review
from ige_pipeline.safeguards.content import phrases
from ige_pipeline.settings import Settings

TEMPLATES = template.load()


def with_text(text: str) -> Templates:
    return replace(TEMPLATES, variants=(*TEMPLATES.variants, Variant("check_in", "casual", 99, text)))


def test_the_built_in_templates_have_no_problem_and_no_stock_phrase() -> None:
    listed = [phrase for some in phrases().values() for phrase in some]

    assert check(TEMPLATES, phrases=listed) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{greeting} how is {goal} coming along?", "unknown placeholder {goal}"),
        ("{greeting} how is {item!r} coming along?", "brace"),
        ("{greeting} how is {Item} coming along?", "brace"),
        ("{greeting} how is {item coming along?", "brace"),
        ("{greeting} {item}" + " and so on" * 20, "234 leave room"),
        ("{greeting} so?", "shorter than 20"),
        ("{greeting} how is it going? And the rest?", "more than one question"),
        ("{greeting} see quotes.example for all of it", "link"),
        ("{greeting} just checking in on all of it", "stock phrase"),
        ("{greeting} how is it\ngoing with all of it?", "line breaks"),
    ],
)
def test_each_problem_is_named_with_its_place(text: str, problem: str) -> None:
    problems = check(with_text(text), phrases=["just checking in"])

    assert len(problems) == 1
    assert problem in problems[0]
    assert "check_in/casual/99" in problems[0]


def test_a_missing_style_and_a_list_without_a_fallback_are_problems() -> None:
    some = tuple(
        each
        for each in TEMPLATES.variants
        if (each.message_type, each.style) != ("celebration", "casual")
        and ((each.message_type, each.style) != ("check_in", "friendly") or each.needs)
    )

    problems = check(replace(TEMPLATES, variants=some))

    assert any("celebration/casual has 0 texts" in problem for problem in problems)
    assert any("check_in/friendly has no text" in problem for problem in problems)


def test_a_list_that_leaves_names_in_other_letters_without_a_first_text_is_a_problem() -> None:
    long = tuple(each for each in TEMPLATES.variants if each.message_type != "check_in" or len(each.text) > 80)
    named = Settings(sender_name="\u0141\u00f3d\u017a Business Concierge and Partners")

    (problem,) = template_review.problems(replace(TEMPLATES, variants=long), named)

    assert problem == "check_in has no first text short enough for somebody called Nguy\u1ec5n"
    assert template_review.problems(TEMPLATES, named) == []


def test_a_greeting_with_anything_else_in_braces_is_a_problem() -> None:
    greetings = {**TEMPLATES.greetings, "casual": Greeting("Hey {goal},", "Hey {you},")}

    assert len(check(replace(TEMPLATES, greetings=greetings))) == 2
