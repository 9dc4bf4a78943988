"""The hourly job that writes down what became of messages, as Dagster runs it over the production resources."""

import json

import dagster as dg
import pytest

from ige_pipeline.inbound.outcomes import listen
from ige_pipeline.postgres.connection import Connection
from ige_pipeline_tests.dagster_instances import run_job, told
from ige_pipeline_tests.generation.model_server import KEY, Reply, serving
from ige_pipeline_tests.inbound.letters import reply, trust_of, waiting_for_answer


def test_it_tells_what_came_of_messages_and_has_replies_read_only_where_that_is_set(
    conn: Connection, in_memory: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen(conn, who="a test")
    conn.execute("UPDATE ige_switches SET value = '{\"since\": \"2020-01-01\"}' WHERE name = 'listening'")
    silent, _ = waiting_for_answer(conn, hours=80, phone="+12125550188")
    ada, _ = waiting_for_answer(conn)
    reply(conn, "Ok then, tuesday it is")

    with serving() as server:
        server.script = [Reply(message={"content": json.dumps({"tells": "setback_shared"})})]
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        as_it_is = run_job("track_outcomes_job", in_memory)
        monkeypatch.setenv("IGE_REPLIES_READ_BY_MODEL", "true")
        dry, read = (run_job("track_outcomes_job", in_memory, dry_run=each) for each in (True, False))

    assert [each.success for each in (as_it_is, dry, read)] == [True] * 3
    assert len(server.asked) == 1
    assert trust_of(conn, silent) == [("ignored_suggestion", -2, 48)]
    assert trust_of(conn, ada) == [("setback_shared", 4, 54)]
    kept = told(in_memory, read.run_id)
    assert "'setback_shared': 1" in kept
    assert "tuesday" not in kept
