"""Traces of what took how long, by OpenTelemetry (the extra `otel`). Ids, never numbers or texts.

Nothing is imported unless OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set. The other variables
of OpenTelemetry (sampling, headers, the service's name) hold as its own documentation says.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ige_pipeline.refusal import Refusal

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

Attribute = str | int | float | bool
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class _Tracing:
    """Whether this process traces, and by what."""

    tracer: "Tracer | None" = None


class Span:
    """What may be added to a span while it lasts; nothing, where nobody traces."""

    def __init__(self, tell: Callable[[str, Attribute], None] = lambda _name, _value: None) -> None:
        self.tell = tell


@contextmanager
def span(name: str, **about: Attribute | None) -> Iterator[Span]:
    """Measure a block. Of an error only its name is told: its text may quote a row."""
    if _Tracing.tracer is None:
        yield Span()
        return
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - who traces has it

    known = {f"ige.{key}": value for key, value in about.items() if value is not None}
    with _Tracing.tracer.start_as_current_span(
        name, attributes=known, record_exception=False, set_status_on_exception=False
    ) as begun:
        try:
            yield Span(lambda key, value: begun.set_attribute(f"ige.{key}", value))
        except BaseException as error:
            begun.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def traces() -> bool:
    """Whether anybody traces: what is done a thousand times a second need not open a span for nobody."""
    return _Tracing.tracer is not None


def trace_by(tracer: "Tracer | None") -> None:
    """Let this process trace by a tracer, or not at all."""
    _Tracing.tracer = tracer


def trace_where_asked(get: Callable[[str], str | None]) -> None:
    """Send traces by OTLP over HTTP where a variable says whereto; Refusal where what that needs is not installed."""
    if _Tracing.tracer is not None or not any(get(name) for name in _ENDPOINTS):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise Refusal(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set and OpenTelemetry is not installed: pip install 'ige_pipeline[otel]', "
            "or unset it."
        ) from error
    named = {} if get("OTEL_SERVICE_NAME") else {"service.name": "ige_pipeline"}
    provider = TracerProvider(resource=Resource.create(named))
    # It sends what is left when the process ends.
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace_by(provider.get_tracer("ige_pipeline"))
