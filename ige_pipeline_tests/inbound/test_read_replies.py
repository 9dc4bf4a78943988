"""The model reads what no rule knows, once, after the reply was taken and only where that is wanted."""

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.generation.model import ModelWriter
from ige_pipeline.generation.price import of_model
from ige_pipeline.inbound.read_replies import read_replies
from ige_pipeline.settings import Settings
from ige_pipeline_tests.factories import ago, fetch, make_trust, one
from ige_pipeline_tests.generation.model_server import KEY, Reply, Server, serving
from ige_pipeline_tests.inbound.letters import inbound, reply, suppressed, trust_of, waiting_for_answer

Conn = psycopg.Connection[DictRow]
ODD = "Ok then, tuesday it is"
# The server says 1,000 tokens in, 600 of them cached, and 100 out: 0.0013 USD; at most one call may take some 0.015.
PRICE = {"model_prices": "1/0.5/6"}


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    url = running.url
    Server.__init__(running)
    running.url, running.script = url, [tells("positive_feedback")]
    return running


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


def tells(word: str) -> Reply:
    return Reply(message={"content": json.dumps({"tells": word})})


def read(conn: Conn, server: Server, **over: Any) -> Mapping[str, int]:
    settings = Settings(**PRICE | {"replies_read_by_model": True} | over)
    prices = of_model("local", stated=settings.model_prices)
    model = ModelWriter(model="local", api_key=KEY, base_url=server.url, retries=0, concurrency=1, prices=prices)
    return read_replies(conn, settings, model=model)


def test_what_no_rule_knows_is_read_once_and_moves_trust_with_the_model_as_its_cause(
    conn: Conn, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    ada, sent = waiting_for_answer(conn)
    make_trust(conn, ada, 50)
    taken = reply(conn, ODD)
    assert trust_of(conn, ada)[1:] == []

    with caplog.at_level(logging.DEBUG):
        first, again = read(conn, server), read(conn, server)

    assert (first, again, len(server.asked)) == ({"positive_feedback": 1}, {}, 1)
    assert trust_of(conn, ada)[1:] == [("positive_feedback", 5, 55)]
    cause = one(conn.execute("SELECT context_data FROM ai_trust_indicators ORDER BY id DESC LIMIT 1"))["context_data"]
    assert cause == {"cause": "model", "inbound_id": taken.id, "message_id": sent, "read_by": "local feeling-1"}
    assert inbound(conn, taken)["read_by"] == "local feeling-1"
    assert fetch(conn, "ai_proactive_messages", sent)["outcome_rating"] == 4
    assert ODD not in caplog.text


def test_off_or_without_a_model_nothing_is_shown_to_anybody(conn: Conn, server: Server) -> None:
    waiting_for_answer(conn)
    reply(conn, ODD)

    assert Settings().replies_read_by_model is False
    assert read(conn, server, replies_read_by_model=False) == {}
    assert read_replies(conn, Settings(replies_read_by_model=True), model=None) == {}
    assert server.asked == []


def test_it_is_shown_our_text_and_theirs_and_neither_name_nor_number(conn: Conn, server: Server) -> None:
    ada, _ = waiting_for_answer(conn, message_content="How are the quotes?")
    reply(conn, ODD)

    read(conn, server)

    shown = json.dumps(server.asked[0]["messages"])
    assert "How are the quotes?" in shown
    assert ODD in shown
    who = fetch(conn, "contractors", ada)
    assert not any(who[name] in shown for name in ("first_name", "last_name", "phone", "company_name") if who[name])


@pytest.mark.parametrize("text", ["STOP", "please stop", "HELP", "This is spam!", "thanks, great", "  "])
def test_what_a_rule_knows_or_what_says_nothing_is_not_shown(conn: Conn, server: Server, text: str) -> None:
    waiting_for_answer(conn)
    reply(conn, text)

    assert read(conn, server) == {}
    assert server.asked == []


def test_a_reply_of_nobody_or_of_days_ago_is_not_shown(conn: Conn, server: Server) -> None:
    reply(conn, ODD, sender="+12125550777")
    waiting_for_answer(conn)
    old = reply(conn, ODD)
    conn.execute("UPDATE ige_inbound_messages SET received_at = %s WHERE id = %s", [ago(hours=73), old.id])

    assert read(conn, server) == {}


@pytest.mark.parametrize(
    ("answer", "counted"),
    [
        (tells("unknown"), "unknown"),
        (tells("ecstatic"), "model_malformed_answer"),
        (Reply(message={"content": "It is a fine day."}), "model_malformed_answer"),
        (Reply(message={"content": None, "refusal": "No."}), "model_refused"),
        (Reply(finish="content_filter"), "model_refused"),
        (Reply(finish="length"), "model_cut_off"),
        (Reply(status=400), "model_http_400"),
    ],
)
def test_refused_or_in_another_shape_it_stays_unknown_and_is_not_asked_again(
    conn: Conn, server: Server, answer: Reply, counted: str
) -> None:
    ada, sent = waiting_for_answer(conn)
    taken = reply(conn, ODD)
    server.script = [answer, tells("milestone_achieved")]

    assert (read(conn, server), read(conn, server)) == ({counted: 1}, {})

    assert trust_of(conn, ada) == []
    assert (inbound(conn, taken)["indicator"], inbound(conn, taken)["read_by"]) == (None, "local feeling-1")
    assert fetch(conn, "ai_proactive_messages", sent)["outcome_rating"] is None


@pytest.mark.parametrize("answer", [Reply(status=500), Reply(status=429), Reply(status=401)])
def test_what_could_not_be_asked_is_asked_again_the_next_hour(conn: Conn, server: Server, answer: Reply) -> None:
    ada, _ = waiting_for_answer(conn)
    reply(conn, ODD)
    server.script = [answer, tells("setback_shared")]

    first, again = read(conn, server), read(conn, server)

    assert (sum(first.values()), again) == (1, {"setback_shared": 1})
    assert [word for word, _, _ in trust_of(conn, ada)] == ["setback_shared"]


def test_it_costs_no_more_than_the_limits_of_the_texts(conn: Conn, server: Server) -> None:
    waiting_for_answer(conn)
    for each in range(4):
        reply(conn, f"{ODD} {each}")

    assert read(conn, server, model_spend_per_day_usd=0.001) == {"spend_per_day": 4}
    assert read(conn, server, model_spend_per_batch_usd=0.001) == {"spend_per_batch": 4}
    assert server.asked == []
    assert read(conn, server) == {"positive_feedback": 4}
    spent = one(conn.execute("SELECT batch_id, taken_usd::float8 AS usd FROM ige_model_spend"))
    assert spent["batch_id"] < 0
    assert spent["usd"] == pytest.approx(4 * 0.0013)


def test_who_said_that_it_is_done_is_not_trusted_twice_for_it(conn: Conn, server: Server) -> None:
    ada, _ = waiting_for_answer(conn)
    reply(conn, "Done!")
    reply(conn, ODD)
    server.script = [tells("acted_on_suggestion")]

    assert read(conn, server) == {"acted_on_suggestion": 1}
    assert len(trust_of(conn, ada)) == 1


def test_only_the_first_answer_rates_a_message_and_a_rating_that_stands_there_stays(conn: Conn, server: Server) -> None:
    _, sent = waiting_for_answer(conn, outcome_rating=1)
    reply(conn, ODD)
    _, other = waiting_for_answer(conn, phone="+12125550188")
    reply(conn, "Who is this", sender="+12125550188")
    read(conn, server, model_spend_per_day_usd=0)
    reply(conn, ODD, sender="+12125550188")
    server.script = [tells("positive_feedback"), tells("unknown"), tells("milestone_achieved")]

    assert sum(read(conn, server).values()) == 3
    assert fetch(conn, "ai_proactive_messages", sent)["outcome_rating"] == 1
    assert fetch(conn, "ai_proactive_messages", other)["outcome_rating"] is None


def test_two_runs_at_once_move_trust_once(conn: Conn, server: Server) -> None:
    ada, _ = waiting_for_answer(conn)
    taken = reply(conn, ODD)

    def meanwhile(_: Any) -> Reply:
        conn.execute("UPDATE ige_inbound_messages SET read_by = 'another run' WHERE id = %s", [taken.id])
        return tells("positive_feedback")

    server.play = meanwhile
    read(conn, server)

    assert trust_of(conn, ada) == []
    assert inbound(conn, taken)["read_by"] == "another run"


def test_a_stop_after_it_holds_whatever_the_model_says(conn: Conn, server: Server) -> None:
    waiting_for_answer(conn)
    reply(conn, ODD)
    reply(conn, "STOP")

    assert read(conn, server) == {"positive_feedback": 1}
    assert suppressed(conn)
