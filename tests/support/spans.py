"""OpenTelemetry: agents that its own library instruments, and a collector of the product's spans."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.exporter.otlp.common.http import Compression
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JSONExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as ProtobufExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk._shared_internal import BatchProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

from support.receiver import Receiver


def _do_nothing(_: object) -> None:
    pass


# Each starts threads in every child of this process until it is collected, also once it is shut down.
# No child with threads can enter a user namespace: as root, a server of another test would not start.
for _each, _hook in ((BatchProcessor, "_at_fork_reinit"), (TracerProvider, "_handle_fork")):
    setattr(_each, _hook, _do_nothing)

GZIP, PLAIN = Compression.GZIP, Compression.NONE


def exporter(url: str, encoding: str, compression: Compression = PLAIN) -> SpanExporter:
    """The exporter of an encoding, `protobuf` or `json`."""
    endpoint = f"{url}/v1/traces"
    if encoding == "json":
        return JSONExporter(endpoint, compression=compression, timeout=30)
    return ProtobufExporter(endpoint, compression=compression, timeout=30)


class Checked(SpanExporter):
    """An exporter that keeps how its exports went."""

    def __init__(self, own: SpanExporter) -> None:
        self.own = own
        self.results: list[SpanExportResult] = []

    def export(self, spans: object) -> SpanExportResult:
        self.results.append(self.own.export(spans))  # type: ignore[arg-type]
        return self.results[-1]

    def shutdown(self) -> None:
        self.own.shutdown()


@contextmanager
def traced(own: SpanExporter, service: str = "fleet") -> Iterator[Tracer]:
    """A tracer whose spans go out together when the block ends; each export has to succeed."""
    checked = Checked(own)
    provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(checked, schedule_delay_millis=600_000))
    yield provider.get_tracer("test")
    provider.shutdown()
    assert checked.results
    assert set(checked.results) == {SpanExportResult.SUCCESS}


def collected(receiver: Receiver) -> list[Span]:
    """Every span of the product that came by OTLP, in the order of their ends."""
    found: list[Span] = []
    for request in receiver.requests:
        assert request.path == "/v1/traces"
        body = request.body
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {each.key: each.value.string_value for each in resource.resource.attributes}
            assert names["service.name"] == "agent-run-log"
            found += [each for scope in resource.scope_spans for each in scope.spans]
    return sorted(found, key=lambda each: each.end_time_unix_nano)
