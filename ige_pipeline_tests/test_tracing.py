"""Traces: which spans a batch and a delivery run have, that they hold ids alone, and that they leave by OTLP."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import dagster as dg
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.refusal import Refusal
from ige_pipeline.tracing import _Tracing, span, trace_by, trace_where_asked
from ige_pipeline_tests.dagster_instances import DELIVER, SCHEDULE, due_person, run_job, surroundings
from ige_pipeline_tests.delivery.loopback import receiving


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    trace_by(provider.get_tracer("tests"))
    try:
        yield kept
    finally:
        trace_by(None)


def test_a_batch_and_a_delivery_run_are_traced_op_by_op_with_ids_alone(
    conn: Connection, database_url: str, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    due_person(conn)
    with receiving() as webhook, dg.DagsterInstance.ephemeral() as instance:
        for name, value in surroundings(database_url, webhook.url).items():
            monkeypatch.setenv(name, value)
        runs = [run_job(name, instance) for name in (SCHEDULE, DELIVER)]

    assert [run.success for run in runs] == [True, True]
    found = spans.get_finished_spans()
    names = {each.name for each in found}
    assert {"evaluate_triggers", "screen_recipients", "generate_messages", "schedule_messages"} <= names
    assert {"deliver_messages", "evaluate_trigger", "screen_piece", "claim", "post", "settle"} <= names
    assert parents(found)["post"] == {"deliver_messages"}
    assert parents(found)["evaluate_trigger"] == {"evaluate_triggers"}
    (posted,) = [dict(each.attributes or {}) for each in found if each.name == "post"]
    assert posted.keys() == {"ige.message_id", "ige.attempt", "ige.reply", "ige.status"}
    assert posted["ige.status"] == 200
    told = " ".join(str(value) for each in found for value in (each.attributes or {}).values())
    assert webhook.posts[0][1]["phone"] not in told
    assert webhook.posts[0][1]["message"] not in told


def parents(found: tuple[ReadableSpan, ...]) -> dict[str, set[str | None]]:
    """Return of each kind of span within which others it was."""
    known = {each.context.span_id: each.name for each in found if each.context}
    within: dict[str, set[str | None]] = {}
    for each in found:
        within.setdefault(each.name, set()).add(known.get(each.parent.span_id) if each.parent else None)
    return within


def test_of_what_goes_wrong_only_the_name_is_told(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="212"), span("work", message_id=7, contractor_id=None):
        raise ValueError("+12125550142 was not expected")

    (told,) = spans.get_finished_spans()
    assert (told.status.description, list(told.events)) == ("ValueError", [])
    assert dict(told.attributes or {}) == {"ige.message_id": 7}


def test_without_a_variable_nothing_is_traced_and_without_the_package_the_variable_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trace_where_asked(lambda _name: None)
    assert _Tracing.tracer is None

    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(Refusal, match=r"pip install 'ige_pipeline\[otel\]'"):
        trace_where_asked({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}.get)


def test_traces_leave_by_otlp_for_where_the_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as (url, bodies):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        try:
            trace_where_asked({"OTEL_EXPORTER_OTLP_ENDPOINT": url}.get)
            with span("work", message_id=7):
                pass
            provider = getattr(_Tracing.tracer, "span_processor")  # noqa: B009 - the SDK's, which its interface hides
            assert provider.force_flush(5_000)
        finally:
            trace_by(None)

    ((path, body),) = bodies
    assert path == "/v1/traces"
    assert b"ige_pipeline" in body
    assert b"work" in body


@contextmanager
def collecting() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Run what collects traces on loopback; give its address and what it gets."""
    bodies: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", bodies
        server.shutdown()
