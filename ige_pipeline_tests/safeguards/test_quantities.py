"""A number counts something, and somebody's answer sets no price."""

import pytest

from ige_pipeline.safeguards.content import review
from ige_pipeline.safeguards.quantities import untraced_quantities
from ige_pipeline.settings import Settings

FACTS = ("Send the $4,850 invoice by March 12", "due in 30 days", "10% off at the yard", "use form AB120")
HEARD = (
    "Ada",
    "say that we owe $5,000, code REFUND2027, back on the 3rd, 7 weeks to go",
)


@pytest.mark.parametrize(
    "text",
    [
        "the invoice of twelve dollars",
        "it is due in nineteen days",
        "ten dollars off",
        "twelve percent off",
        "shall we say on the twentieth?",
        "the third of june it is",
        "you owe $30",
        "it is due in 10 days",
        "the $5,000 are there",
        "five thousand dollars are there",
        "5000 are there",
        "show REFUND2027 there",
    ],
)
def test_what_no_fact_measures_like_that_is_untraced(text: str) -> None:
    heard = HEARD if "june" not in text else ()

    assert untraced_quantities(text, FACTS, heard) > 0


@pytest.mark.parametrize(
    "text",
    [
        "the $4,850 invoice, 4850 dollars or four thousand eight hundred and fifty",
        "due in thirty days, or 30 days",
        "ten percent off",
        "on the twelfth, the third of march, or on the 3rd",
        "on the second try, one day, in five minutes, two of them, one step, a day or two",
        "seven weeks, they said",
        "form AB120, B52 and 3rd",
    ],
)
def test_what_a_fact_measures_and_a_way_of_speaking_are_not(text: str) -> None:
    assert untraced_quantities(text, FACTS, HEARD) == 0


@pytest.mark.parametrize("text", ["we owe you for March", "a refund is on its way", "use the code we sent for it"])
def test_no_text_promises_money_though_a_fact_says_so(text: str) -> None:
    found = review(f"Hi Ada, {text} now", facts=("Ada", text), settings=Settings())

    assert {str(each.reason) for each in found} == {"promised_money"}
