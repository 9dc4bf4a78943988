"""Postgres reads of an array's text what was put into it."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from ige_pipeline.postgres.array import array
from ige_pipeline.postgres.connection import Connection
from ige_pipeline_tests.factories import one


@given(texts=st.lists(st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_any_text_arrives_as_it_is(shared_conn: Connection, texts: list[str | None]) -> None:
    assert one(shared_conn.execute("SELECT %s::text[] AS read", [array(texts)]))["read"] == texts


def test_so_does_whatever_else_we_send(shared_conn: Connection) -> None:
    moment, token = datetime(2026, 6, 1, 12, 30, tzinfo=UTC), UUID(int=7)
    row = one(
        shared_conn.execute(
            "SELECT %s::bigint[] AS ids, %s::uuid[] AS tokens, %s::timestamptz[] AS moments, %s::boolean[] AS flags, "
            "%s::float8[] AS seconds",
            [array([1, None]), array([token]), array([moment]), array([True, False]), array([0.5, 1e-9])],
        )
    )

    assert row == {
        "ids": [1, None],
        "tokens": [token],
        "moments": [moment],
        "flags": [True, False],
        "seconds": [0.5, 1e-9],
    }
