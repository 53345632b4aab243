"""OTLP's protobuf. Loaded with the first request in it: its messages take tens of milliseconds to load."""

from collections.abc import Iterable, Iterator, Mapping

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from app.intake.domain.spans import Scalar, Span, UndecodableError

_SCALARS = frozenset({"string_value", "bool_value", "int_value", "double_value"})


def decode(body: bytes) -> list[Span]:
    """The spans of a request in protobuf. Raises `UndecodableError`."""
    try:
        return list(_spans(ExportTraceServiceRequest.FromString(body)))
    except DecodeError as error:
        raise UndecodableError("the body is no OTLP protobuf") from error


def answer(rejected: int, message: str) -> bytes:
    """An `ExportTraceServiceResponse`: a partial success where spans were rejected."""
    if not rejected:
        return b""
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return ExportTraceServiceResponse(partial_success=partial).SerializeToString()


def status(code: int, message: str) -> bytes:
    """A `google.rpc.Status`, the body of an error."""
    body: bytes = Status(code=code, message=message).SerializeToString()
    return body


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource_spans in request.resource_spans:
        service = str(_scalars(resource_spans.resource.attributes).get("service.name", ""))
        for span in (span for scope in resource_spans.scope_spans for span in scope.spans):
            yield Span(
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                name=span.name,
                start_ns=span.start_time_unix_nano,
                end_ns=span.end_time_unix_nano,
                status_code=span.status.code,
                status_message=span.status.message,
                attributes=_scalars(span.attributes),
                service=service,
            )


def _scalars(attributes: Iterable[KeyValue]) -> Mapping[str, Scalar]:
    found = {}
    for attribute in attributes:
        kind = attribute.value.WhichOneof("value")
        if kind in _SCALARS:
            found[attribute.key] = getattr(attribute.value, kind)
    return found
