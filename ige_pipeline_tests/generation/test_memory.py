"""What is remembered of somebody is the last few texts that they got, what they answered, and nobody else's."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.generation.draft import Brief, Exchange
from ige_pipeline.generation.memory import remember
from ige_pipeline_tests.factories import ago, make_contractor, make_message, make_sent_message

Conn = psycopg.Connection[DictRow]


@pytest.fixture
def conn(shared_conn: Conn) -> Iterator[Conn]:
    with shared_conn.transaction(force_rollback=True):
        yield shared_conn


def brief_of(contractor_id: int) -> Brief:
    return Brief(1, contractor_id, "stalled_goal", "check_in", "Ada", None, {}, "because")


def said(conn: Conn, contractor_id: int) -> tuple[Exchange, ...]:
    (brief,) = remember(conn, [brief_of(contractor_id)])
    assert all(each.message_id for each in brief.exchanges)
    return tuple(replace(each, message_id=None) for each in brief.exchanges)


def test_the_last_three_are_remembered_the_oldest_first(conn: Conn) -> None:
    ada = make_contractor(conn)
    for days in (2, 30, 9, 4):
        make_sent_message(
            conn, ada, sent_at=ago(days=days, hours=1), message_content=f"Text {days}", contractor_response=None
        )

    assert said(conn, ada) == (Exchange("Text 9", None, 9), Exchange("Text 4", None, 4), Exchange("Text 2", None, 2))


def test_what_never_left_is_not_remembered(conn: Conn) -> None:
    ada = make_contractor(conn)
    make_message(conn, ada)

    assert said(conn, ada) == ()


def test_everybody_has_their_own_memories(conn: Conn) -> None:
    ada, bob, cy = make_contractor(conn), make_contractor(conn), make_contractor(conn)
    make_sent_message(conn, ada, contractor_response="Ada's secret")
    make_sent_message(conn, bob, contractor_response="Bob's secret")

    briefs = remember(conn, [brief_of(bob), brief_of(ada), replace(brief_of(bob), decision_id=2), brief_of(cy)])

    assert [[each.replied for each in brief.exchanges] for brief in briefs] == [
        ["Bob's secret"], ["Ada's secret"], ["Bob's secret"], [],
    ]  # fmt: skip


def test_a_long_reply_is_cut_and_a_time_that_is_no_day_counts_as_today(conn: Conn) -> None:
    ada = make_contractor(conn)
    make_sent_message(conn, ada, contractor_response="x" * 1_000_000, sent_at="infinity")

    ((exchange),) = said(conn, ada)

    assert exchange.days_ago == 0
    assert len(exchange.replied or "") == 2000


def test_more_than_a_thousand_are_remembered_in_pieces(conn: Conn) -> None:
    ada = make_contractor(conn)
    make_sent_message(conn, ada)

    briefs = remember(conn, [brief_of(ada)] * 1500)

    assert len(briefs) == 1500
    assert all(brief.exchanges for brief in briefs)
