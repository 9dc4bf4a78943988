from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ige_pipeline.ledger.sentence import of_reason
from ige_pipeline.safeguards import contacts, figures, traces
from ige_pipeline.safeguards.contacts import AllowList
from ige_pipeline.safeguards.content import ContentReason, phrases, review
from ige_pipeline.settings import Settings

FACTS = ("Maria", "Vega Roofing", "Send 3 quotes by March 9, worth $1,500 in all", "2026-04-02", "$50k")
SETTINGS = Settings()


def reasons(text: str, facts: Sequence[str] = FACTS, allow: AllowList = contacts.NOTHING) -> set[str]:
    return {finding.reason.value for finding in review(text, facts=facts, settings=SETTINGS, allow=allow)}


@pytest.mark.parametrize(
    "text",
    [
        "Hi Maria, how are the 3 quotes coming along? Happy to look at one with you.",
        "Hi Maria, one step closer to $50k a month. How does it feel?",
        "Hi Maria, those quotes come to 1500 in all. Shall we get them out by March 9?",
        "Hello, Vega Roofing's quotes are nearly there. I'd say one more push. OK?",
        "Hey again, one thing. Nobody asked you to rush. Everyone will come round, and plans may march on, or not.",
        "Hello Maria, who called about the quotes? They said it is fine, I think. What happens next may surprise.",
        "Hi all, the sun is out. Somebody wants the quotes; what is the next week-long job after it?",
        "Hi there, is it still April that you're aiming for? I'm happy either way.",
        "Hi Maria, did you put your company's name on it? A file name helps, too.",
        "Hey Maria, take two minutes for it. That may be all it needs... or not. You decide.",
    ],
)
def test_an_ordinary_text_has_nothing_against_it(text: str) -> None:
    assert review(text, facts=FACTS, settings=SETTINGS) == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("   ", "empty"),
        ("Hi Maria, how so?", "too_short"),
        ("Hi Maria, " + "so it goes " * 30, "too_long"),
        ("Hi Maria, " + "that naïve idea goes on " * 6, "too_many_segments"),
        ("Hi {firstName}, how are the quotes coming along?", "placeholder_left"),
        ("Hi [name], how are the quotes coming along?", "placeholder_left"),
        ("Hi <first name>, how are the quotes coming along?", "placeholder_left"),
        ("Hi Maria, how is {{ item }} coming along for you?", "placeholder_left"),
        ("Hi None, how are the quotes coming along for you?", "placeholder_left"),
        ("Hi firstName, how are the quotes coming along now?", "placeholder_left"),
        ("Hi first_name, how are the quotes coming along now?", "placeholder_left"),
        ("Hi {first_name}, how are the quotes coming along?", "placeholder_left"),
        ("Hi Name, how are the quotes coming along for you?", "placeholder_left"),
        ("Hello First Name, how are the quotes coming along?", "placeholder_left"),
        ("Hi %s, how are the quotes coming along for you now?", "placeholder_left"),
        ("Hi :name, how are the quotes coming along for you?", "placeholder_left"),
        ("Hi (name), how are the quotes coming along for you?", "placeholder_left"),
        ("Hi FNAME, how are the quotes coming along for you?", "placeholder_left"),
        ("Hi Maria, eventName is nearly there for you and me.", "placeholder_left"),
        ("Hi Maria, how is the item_name coming along for you?", "placeholder_left"),
        ("Hi Maria, is (supplier name) ready for you, or not?", "placeholder_left"),
        ("Hi Maria, how is **the quote** coming along for you?", "placeholder_left"),
        ("Hi Maria, how is &quot;it&quot; coming along for you?", "placeholder_left"),
        ("Hi Maria, this one: ____ is what is next. How is it?", "placeholder_left"),
        ("Hi Maria, just  checking IN on those quotes of yours.", "stock_phrase"),
        ("Hi Maria, don\u2019t hesitate to write if it gets stuck.", "stock_phrase"),
        ("Hi Maria, your trust score has gone up since we spoke.", "inner_workings"),
        ("Hi Maria, how? When? Where would it be for you then?", "too_many_questions"),
        ("Hi Maria, so good! Really! I am happy for you all!", "too_many_exclamations"),
        ("Hi Maria, look at http://quotes.example/now for more", "link"),
        ("Hi Maria, look at quotes-now.io for more about quotes", "link"),
        ("Hi Maria, look at www.quotes for more about quotes", "link"),
        ("Hi Maria, look at 10.0.0.1/a for more about quotes", "link"),
        ("Hi Maria, look at \uff51uotes\uff0eco\uff4d for more about quotes", "link"),
        ("Hi Maria, look at quotes (dot) com for more about it", "link"),
        ("Hi Maria, write to help@quotes for more about quotes", "email_address"),
        ("Hi Maria, call (555) 010-9999 for more about quotes", "phone_number"),
        ("Hi Maria, call +44 20 7946 0000 for more about quotes", "phone_number"),
        ("Hi Maria, how is it\u202e going with all of the quotes?", "control_character"),
        ("Hi Maria, how is it\x00 going with all of the quotes?", "control_character"),
        ("Hi Maria, you have sent 17 quotes and that is great.", "untraced_number"),
        ("Hi Maria, you have sent twenty-five quotes. Well done.", "untraced_number"),
        ("Hi Maria, the quotes are worth $15,000 all in all.", "untraced_number"),
        ("Hi Maria, shall we send the quotes by Friday then?", "untraced_date"),
        ("Hi Maria, shall we send the quotes in June or so?", "untraced_date"),
        ("Hi Maria, shall we send the quotes by may 3 or so?", "untraced_date"),
        ("Hola Maria, quando puedes mandar los presupuestos?", "other_language"),
        ("Hi Maria, look at example . com for more about quotes", "link"),
        ("Hi Maria, look at example,com for more about quotes", "link"),
        ("Hi Maria, look at example (.) com for more about quotes", "link"),
        ("Hi Maria, look at example\u00b7com for more about quotes", "link"),
        ("Hi Maria, look at example dot xyz for more about quotes", "link"),
        ("Hi Maria, look at http:example/pay for more about quotes", "link"),
        ("Hi Maria, look at //example/pay for more about quotes", "link"),
        ("Hi Maria, look at us: dm @acmepay for more about quotes", "link"),
        ("Hi Maria, write to bob (at) gmail for more of it.", "email_address"),
        ("Hi Maria, shall we look at it by dec or so then", "untraced_date"),
        ("Hi Maria, shall we look at it tomorrow at noon then", "untraced_date"),
        ("Hi Maria, shall we look at it on the quotes next week then", "untraced_date"),
        ("Hi Maria, shall we look at it the end of may then", "untraced_date"),
        ("Hi Maria, about the quotes. Mr. Smith will call you about it.", "untraced_name"),
        ("Hi Maria, about the quotes. Dr. Okafor is fine with it.", "untraced_name"),
        ("Hi Maria, about the quotes. Bob asked for you yet again.", "untraced_name"),
        ("Hi Maria, about the quotes. All done? Jones wants it now.", "untraced_name"),
        ("Hi Maria, about the quotes. Grace will call about it.", "untraced_name"),
        ("Hey bob, how are the quotes coming along for you?", "untraced_name"),
        ("Hi Roberto, how are the quotes coming along for you?", "untraced_name"),
        ("Roberto, how are the quotes coming along for you now?", "untraced_name"),
        ("Hi Maria, have you tried sending them with QuickBooks?", "untraced_name"),
    ],
)
def test_each_fault_has_its_reason(text: str, reason: str) -> None:
    also = {
        "empty": {"too_short"},
        "too_long": {"too_many_segments"},
        "placeholder_left": {"untraced_name"},
    }

    assert {reason} <= reasons(text) <= {reason} | also.get(reason, set())


def test_all_reasons_are_found_and_not_only_the_first() -> None:
    text = "Dear {name}, as per Friday call 555-010-9999 or go to evil.example?? Now? 42!"

    assert reasons(text) >= {
        "placeholder_left",
        "stock_phrase",
        "too_many_questions",
        "link",
        "phone_number",
        "untraced_number",
        "untraced_date",
    }


def test_what_was_observed_is_a_count_or_our_own_phrase_and_never_the_text() -> None:
    text = "Hi Roberto, kindly call 555-010-9999 or write to a@b.example, per zebra.example, 42."

    observed = {finding.observed for finding in review(text, facts=FACTS, settings=SETTINGS)}

    assert {each for each in observed if isinstance(each, str)} == {"kindly"}


def test_a_check_that_raises_counts_against_the_text() -> None:
    broken = cast("Any", [None])

    found = review("Hi there, how are the quotes coming along?", facts=broken, settings=SETTINGS)

    assert {finding.reason for finding in found} == {ContentReason.NOT_EVALUATED}
    assert {finding.observed for finding in found} == {
        "placeholder_left",
        "untraced_number",
        "untraced_date",
        "untraced_name",
        "other_language",
        "background_told",
    }


def test_an_allow_list_lets_exactly_its_own_through() -> None:
    allow = AllowList(
        domains=frozenset({"vega.example"}),
        emails=frozenset({"hi@vega.example"}),
        phones=frozenset({"+1 555 010 1234"}),
        names=frozenset({"Acme"}),
    )
    good = (
        "Hi Maria, Acme. Try hi@vega.example. See http://vega.example. Or www.vega.example/q?a=17, +1 (555) 010-1234."
    )
    sly = ["vega.example.evil.io", "x.vega.example", "https://vega.example@evil.io", "ftp://vega.example"]

    assert reasons(good, allow=allow) == set()
    assert all(
        reasons(f"Hi Maria, have a look at this: {link}", allow=allow) & {"link", "email_address"} for link in sly
    )


@pytest.mark.parametrize(
    ("said", "fact"),
    [
        ("1,500", "1500"),
        ("1500", "1,500.00"),
        ("1.5k", "1500"),
        ("$2m", "2,000,000"),
        ("50%", "50"),
        ("0.50", ".5 or 0.5"),
        ("twenty-five", "25"),
        ("25", "twenty five"),
        ("two hundred and ten", "210"),
        ("three thousand", "3000"),
        ("12", "twelve"),
        ("3rd", "3"),
    ],
)
def test_a_number_is_traced_however_it_is_written(said: str, fact: str) -> None:
    assert figures.untraced_numbers(f"about {said} of them", [f"there are {fact} in all"]) == 0
    assert figures.untraced_numbers(f"about {said} of them", ["there are 77 in all"]) == 1


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_number_traces_to_itself_with_separators_and_to_no_other(said: int, given_number: int) -> None:
    assert figures.untraced_numbers(f"it is {said:,} now", [str(given_number)]) == (said != given_number)


FIGURES = ["May", "3", "Hi", "Maria,", "$1.5k", "twenty", "Friday.", "on", "2026-03-09", "x"]


@settings(deadline=None)
@given(st.text(max_size=200) | st.lists(st.sampled_from(FIGURES), max_size=12).map(" ".join))
def test_a_text_that_was_given_traces_to_itself(text: str) -> None:
    assert figures.untraced_numbers(text, [text]) == 0
    assert traces.untraced_dates(text, [text]) == 0
    assert traces.untraced_names(text, [text]) == 0


def test_a_month_or_weekday_is_a_date_only_where_it_reads_as_one() -> None:
    assert traces.untraced_dates("You may march on. May I? The sun sat low.", []) == 0
    assert traces.untraced_dates("By Monday, in March, or on Sept 3", ["mon", "2026-03-09", "September"]) == 0
    assert traces.untraced_dates("By Tuesday, in May", ["mon", "2026-03-09"]) == 2


@settings(deadline=None)
@given(st.text(max_size=300), st.lists(st.text(max_size=50), max_size=5))
def test_any_text_at_all_can_be_evaluated(text: str, facts: list[str]) -> None:
    assert ContentReason.NOT_EVALUATED.value not in reasons(text, facts)


@settings(deadline=None)
@given(
    st.sampled_from([phrase for listed in phrases().values() for phrase in listed]), st.sampled_from(["upper", "title"])
)
def test_each_phrase_of_the_data_file_is_found_whatever_its_capitals(phrase: str, case: str) -> None:
    said = phrase.upper() if case == "upper" else phrase.title()

    assert reasons(f"well then {said}, so it is") & {"stock_phrase", "inner_workings", "promised_money"}


def test_every_reason_against_a_text_has_its_sentence() -> None:
    told = {each: of_reason({"reason": each.value, "observed": 1, "limit": 2}) for each in ContentReason}

    assert {each for each, sentence in told.items() if "(observed 1" in sentence} == set()


def test_a_phrase_counts_only_as_whole_words() -> None:
    assert "stock_phrase" not in reasons("Hi Maria, the unkindly weather has passed. How are things?")


def test_a_very_long_text_is_judged_quickly() -> None:
    assert "too_long" in reasons("a" * 1_000_000)
