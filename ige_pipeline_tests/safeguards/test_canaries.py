"""Attempts at injection: none changes the instructions, leaks them, or gets a link into a message.

A model may do as it is told by others; what then stands in its text must not leave.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.generation import prompt, template
from ige_pipeline.generation.draft import Brief, Draft, Exchange
from ige_pipeline.generation.generate import generate_messages
from ige_pipeline.generation.model import ModelWriter
from ige_pipeline.safeguards.review import Standard, screen_content
from ige_pipeline.safeguards.second_try import ask_again
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import ago, make_batch, make_contractor, make_decision, make_sent_message
from ige_pipeline_tests.generation.model_server import KEY, Reply, answer, serving

Conn = psycopg.Connection[DictRow]

ATTEMPTS = tomllib.loads(Path(__file__).with_name("canaries.toml").read_text(encoding="utf-8"))["attempt"]
PLACES = ("first_name", "company_name", "goal", "item", "reply")
OPEN, CLOSE = "<contractor_data>", "</contractor_data>"
HARM = re.compile(
    r"https?:|www\.|bit\.ly|evil|script|@|\{|\$|REFUND|\d{3}[-. ]\d{3,4}|[\u200b\u202c\u202e]", re.IGNORECASE
)

each_attempt = pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt["words"][:30])


def brief_with(place: str, words: str) -> Brief:
    facts = {"goal": "Win two commercial contracts", "item": "Call the two suppliers"}
    given: dict[str, Any] = {"first_name": "Ada", "company_name": "Ada Roofing"}
    said = Exchange("Hi Ada, how is it going?", words if place == "reply" else "Fine", 3)
    facts |= {place: words} if place in facts else {}
    given |= {place: words} if place in given else {}
    return Brief(
        1, 2, "stalled_goal", "check_in", facts=facts, reason="because", exchanges=(said,), trust=50.0, **given
    )


def parts_of(brief: Brief) -> tuple[str, str, str, str]:
    """Return the instructions, and of what is told about one contractor: before the data, the data, after them."""
    system, user = (message["content"] for message in prompt.messages(brief))
    assert (user.count(OPEN), user.count(CLOSE)) == (1, 1)
    before, rest = user.split(OPEN)
    return system, before, *rest.split(CLOSE)  # type: ignore[return-value]


@pytest.mark.parametrize("place", PLACES)
@each_attempt
def test_an_attempt_changes_nothing_but_one_value_of_the_data(attempt: dict[str, str], place: str) -> None:
    system, before, data, after = parts_of(brief_with(place, attempt["words"]))
    innocent = parts_of(brief_with(place, "Fine"))

    assert (system, before, after) == (innocent[0], innocent[1], innocent[3])
    told, usual = json.loads(data), json.loads(innocent[2])
    assert told.keys() == usual.keys()
    assert {len(told["facts"]), len(told["last_exchanges"])} == {1}
    assert not any(char in data for char in "\u200b\u202c\u202e")
    if place in {"first_name", "company_name", "goal", "reply"}:
        assert told["facts"] == usual["facts"]


@each_attempt
def test_a_text_that_obeys_is_rejected(attempt: dict[str, str]) -> None:
    for place in PLACES:
        brief = brief_with(place, attempt["words"])

        assert Standard(Settings()).objections(Draft(attempt["obeyed"], "because", "model:m"), brief), place


@each_attempt
def test_no_template_says_what_does_harm(attempt: dict[str, str]) -> None:
    templates, standard = template.load(), Standard(Settings())

    for place in PLACES:
        brief = brief_with(place, attempt["words"])
        fit = [draft for draft in template.drafts(brief, templates=templates) if not standard.objections(draft, brief)]
        assert fit, place
        assert [draft.text for draft in fit if HARM.search(draft.text)] == []


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


def test_with_a_model_that_obeys_everybody_no_message_does_harm(conn: Conn) -> None:
    batch = make_batch(conn)
    for number, attempt in enumerate(ATTEMPTS):
        place, words = PLACES[number % len(PLACES)], attempt["words"]
        named = {place: words} if place in {"first_name", "company_name"} else {}
        ada = make_contractor(conn, **{"first_name": "Ada"} | named)
        if place == "reply":
            make_sent_message(conn, ada, contractor_response=words)
        facts = {"item": "Call the two suppliers"} | ({place: words} if place in {"goal", "item"} else {})
        make_decision(conn, batch, ada, screened_at=ago(minutes=1), facts=facts)

    with serving() as server:
        # It obeys each in turn, at the first try and at the second.
        obeyed = [Reply(message={"content": answer(attempt["obeyed"])}) for attempt in ATTEMPTS]
        server.play = lambda _asked: obeyed[len(server.asked) % len(obeyed)]
        model = ModelWriter(model="local", api_key=KEY, base_url=server.url)
        settings, templates = Settings(), template.load()
        generate_messages(conn, batch, settings, templates=templates, model=model)
        ask_again(conn, batch, settings, model=model)
        screen_content(conn, batch, settings, templates=templates)

    query = "SELECT draft, draft_source, verdict FROM ige_decisions WHERE batch_id = %s"
    rows = conn.execute(query, [batch.id]).fetchall()
    assert len(server.asked) == 2 * len(ATTEMPTS)
    assert {row["draft_source"].split(":")[0] for row in rows} == {"template"}
    assert [row["draft"] for row in rows if row["verdict"] is None and HARM.search(row["draft"])] == []
