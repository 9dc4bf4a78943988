"""The check of texts: an unfit one is replaced by a template, and where nothing fits the decision says why."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.generation import template
from ige_pipeline.generation.generate import generate_messages
from ige_pipeline.generation.variants import Templates
from ige_pipeline.ledger.batch import Batch
from ige_pipeline.safeguards.review import screen_content
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import (
    ago,
    fetch,
    make_batch,
    make_contractor,
    make_decision,
    make_sent_message,
)

Conn = psycopg.Connection[DictRow]

FIT = "Hi Ada, how did the call with the two suppliers go? Happy to help with the next step."
STOP = " Reply STOP to opt out"
UNFIT = "Dear {{first_name}}, as an AI language model I see: visit http://example.com now!!!!"


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


@pytest.fixture(scope="module")
def templates() -> Templates:
    return template.load()


def make_drafted(conn: Conn, batch: Batch, draft: str, **over: Any) -> int:
    row = {"screened_at": ago(minutes=1), "draft": draft, "draft_source": "model:gpt-4o-mini"}
    return make_decision(conn, batch, make_contractor(conn), **(row | over))


def reviewed(conn: Conn, batch: Batch, decision: int, templates: Templates, **thresholds: Any) -> DictRow:
    screen_content(conn, batch, Settings(**thresholds), templates=templates)
    return fetch(conn, "ige_decisions", decision)


def test_a_fit_text_goes_on_as_it_is(conn: Conn, templates: Templates) -> None:
    batch = make_batch(conn)
    decision = make_drafted(conn, batch, FIT, ai_reasoning="It was quiet.")

    row = reviewed(conn, batch, decision, templates)

    assert row["reviewed_at"] is not None
    assert (row["draft"], row["draft_source"], row["ai_reasoning"]) == (
        FIT + STOP,
        "model:gpt-4o-mini",
        "It was quiet.",
    )
    assert (row["verdict"], row["reasons"], row["fallback_reason"]) == (None, [], None)


def test_an_unfit_text_is_replaced_by_a_template_and_the_ledger_says_so(conn: Conn, templates: Templates) -> None:
    batch = make_batch(conn)
    decision = make_drafted(conn, batch, UNFIT)

    row = reviewed(conn, batch, decision, templates)

    assert row["verdict"] is None
    assert row["draft"] != UNFIT
    assert row["draft_source"].startswith("template:check_in/")
    assert row["fallback_reason"].startswith("rejected: ")
    assert {"link", "placeholder_left"} <= set(row["fallback_reason"].removeprefix("rejected: ").split(", "))
    assert row["generation"] == {"rejected_answer": UNFIT}


def test_where_no_template_fits_the_decision_is_rejected_with_every_reason(conn: Conn, templates: Templates) -> None:
    batch = make_batch(conn)
    decision = make_drafted(conn, batch, UNFIT)

    row = reviewed(conn, batch, decision, Templates(templates.greetings, variants=()))

    assert row["verdict"] == "rejected"
    assert row["decided_at"] is not None
    assert row["draft"] == UNFIT
    assert {"link", "placeholder_left", "too_many_exclamations"} <= {each["reason"] for each in row["reasons"]}
    assert all(set(each) == {"reason", "observed", "limit"} for each in row["reasons"])


def test_how_long_nothing_is_written_where_nothing_passed_is_a_setting(conn: Conn, templates: Templates) -> None:
    batch = make_batch(conn)
    row = {"screened_at": ago(minutes=1), "draft": UNFIT, "draft_source": "model:gpt-4o-mini"}
    decision = make_decision(conn, batch, make_contractor(conn), **row)

    screen_content(conn, batch, Settings(rejected_text_days=3), templates=Templates(templates.greetings, variants=()))

    assert ago(days=-2) < fetch(conn, "ige_decisions", decision)["retry_at"] <= ago(days=-3)


def test_where_nothing_passed_nothing_is_written_or_paid_for_again_within_a_day(
    conn: Conn, templates: Templates
) -> None:
    contractor, none = make_contractor(conn), Templates(templates.greetings, variants=())
    batch, later = make_batch(conn), make_batch(conn)
    row = {"subject_id": 7, "dedupe_key": "one", "screened_at": ago(minutes=1)}
    first = make_decision(conn, batch, contractor, draft=UNFIT, draft_source="model:gpt-4o-mini", **row)
    reviewed(conn, batch, first, none)
    again, other = (make_decision(conn, later, contractor, **row | over) for over in ({}, {"dedupe_key": "two"}))

    generate_messages(conn, later, Settings(), templates=templates, model=None)

    waits = fetch(conn, "ige_decisions", again)
    assert (waits["verdict"], waits["draft"]) == ("blocked", None)
    assert [(each["reason"], each["observed"]) for each in waits["reasons"]] == [("text_rejected", first)]
    assert waits["retry_at"] == fetch(conn, "ige_decisions", first)["retry_at"] > ago(hours=-23)
    assert fetch(conn, "ige_decisions", other)["draft"] is not None

    conn.execute("UPDATE ige_decisions SET retry_at = now() WHERE id = %s", [first])
    next_day = make_batch(conn)
    third = make_decision(conn, next_day, contractor, **row)
    generate_messages(conn, next_day, Settings(), templates=templates, model=None)
    assert fetch(conn, "ige_decisions", third)["draft"] is not None


def test_a_template_that_is_unfit_itself_replaces_nothing(conn: Conn, templates: Templates) -> None:
    batch = make_batch(conn)
    decision = make_drafted(conn, batch, FIT)

    row = reviewed(conn, batch, decision, templates, max_characters=20)

    assert row["verdict"] == "rejected"
    assert "too_long" in {each["reason"] for each in row["reasons"]}


def test_a_rejected_text_keeps_what_screening_found_before(conn: Conn, templates: Templates) -> None:
    batch = make_batch(conn)
    decision = make_drafted(conn, batch, UNFIT, reasons='[{"reason": "quiet_hours"}]')

    row = reviewed(conn, batch, decision, Templates(templates.greetings, variants=()))

    assert row["reasons"][0] == {"reason": "quiet_hours"}
    assert len(row["reasons"]) > 1


def test_nobody_gets_nearly_the_same_text_twice_in_a_month(conn: Conn, templates: Templates) -> None:
    batch = make_batch(conn)
    lately, before, never = (make_contractor(conn) for _ in range(3))
    make_sent_message(conn, lately, sent_at=ago(days=29), message_content=FIT.replace("next step", "first step"))
    make_sent_message(conn, before, sent_at=ago(days=31), message_content=FIT)
    row = {"screened_at": ago(minutes=1), "draft": FIT, "draft_source": "model:gpt-4o-mini"}
    decisions = {each: make_decision(conn, batch, each, **row) for each in (lately, before, never)}

    screen_content(conn, batch, Settings(), templates=templates)

    found = {each: fetch(conn, "ige_decisions", decision) for each, decision in decisions.items()}
    assert found[lately]["fallback_reason"] == "rejected: nearly_the_same"
    assert found[lately]["draft_source"].startswith("template:")
    assert found[lately]["verdict"] is None
    assert [found[each]["draft"] for each in (before, never)] == [FIT + STOP] * 2


def test_a_template_that_somebody_got_lately_gives_way_to_another(conn: Conn, templates: Templates) -> None:
    contractor, sources = make_contractor(conn), []
    for day in range(3):
        batch = make_batch(conn)
        decision = make_decision(conn, batch, contractor, screened_at=ago(minutes=1), subject_id=1)
        generate_messages(conn, batch, Settings(), templates=templates, model=None)
        screen_content(conn, batch, Settings(), templates=templates)
        row = fetch(conn, "ige_decisions", decision)
        make_sent_message(conn, contractor, sent_at=ago(days=20 - day), message_content=row["draft"])
        sources.append((row["draft_source"], row["verdict"]))

    assert len({source for source, _ in sources}) == 3
    assert {verdict for _, verdict in sources} == {None}


def test_a_contact_that_is_allowed_may_stand_in_a_text(conn: Conn, templates: Templates) -> None:
    text = "Hi Ada, the form is at acme.example/form, or write to help@acme.example or call +1 555 010 1234."
    allowed = {
        "allowed_domains": "other.example, WWW.Acme.example",
        "allowed_emails": "Help@acme.example",
        "allowed_phones": "+1 (555) 010-1234",
    }
    batch = make_batch(conn)
    decision = make_drafted(conn, batch, text)

    assert reviewed(conn, batch, decision, templates, **allowed)["draft"] == text + STOP


@pytest.mark.parametrize("source", ["model:m", "edited:model:m", "edited:template:check_in/casual/1"])
def test_who_knows_what_was_answered_may_take_it_up_and_so_may_a_person(
    conn: Conn, templates: Templates, source: str
) -> None:
    batch, text = make_batch(conn), "Hi Ada, has Okafor sent you the list for the two suppliers yet?"
    decision = make_drafted(conn, batch, text, draft_source=source)
    contractor = fetch(conn, "ige_decisions", decision)["contractor_id"]
    make_sent_message(conn, contractor, contractor_response="Okafor has the list")

    assert reviewed(conn, batch, decision, templates)["draft_source"] == source


def test_no_finding_quotes_the_text(conn: Conn, templates: Templates) -> None:
    batch = make_batch(conn)
    decision = make_drafted(conn, batch, "Call Grace Hopper on +1 212 555 0199 tomorrow, http://example.com/x says so.")

    row = reviewed(conn, batch, decision, Templates(templates.greetings, variants=()))

    assert row["verdict"] == "rejected"
    assert not any(word in str(row["reasons"]) for word in ("0199", "Hopper", "example.com"))


def test_what_was_decided_before_is_not_reviewed(conn: Conn, templates: Templates) -> None:
    batch = make_batch(conn)
    blocked = {"verdict": "blocked", "decided_at": ago(minutes=1), "reasons": '[{"reason": "gap"}]'}
    decision = make_drafted(conn, batch, UNFIT, **blocked)

    assert reviewed(conn, batch, decision, templates)["reviewed_at"] is None


def test_reviewing_again_changes_nothing(conn: Conn, templates: Templates) -> None:
    batch = make_batch(conn)
    decision = make_drafted(conn, batch, UNFIT)
    first = reviewed(conn, batch, decision, templates)

    assert reviewed(conn, batch, decision, templates) == first


def test_every_text_from_a_template_passes_the_review(conn: Conn, templates: Templates) -> None:
    batch = make_batch(conn)
    kinds = {variant.message_type for variant in templates.variants}
    decisions = [
        make_decision(conn, batch, make_contractor(conn), message_type=kind, screened_at=ago(minutes=1))
        for kind in sorted(kinds)
        for _ in range(3)
    ]

    generate_messages(conn, batch, Settings(), templates=templates, model=None)
    screen_content(conn, batch, Settings(), templates=templates)

    rows = [fetch(conn, "ige_decisions", decision) for decision in decisions]
    assert [row["reasons"] for row in rows if row["verdict"] or row["reviewed_at"] is None] == []
    assert [row["fallback_reason"] for row in rows if row["fallback_reason"]] == []
