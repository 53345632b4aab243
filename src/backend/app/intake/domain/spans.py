"""A span of OpenTelemetry, of either encoding, with what is read of it."""

from collections.abc import Mapping
from dataclasses import dataclass

Scalar = str | bool | int | float
"""An attribute's value; arrays and objects are not read, for they hold prompts and completions."""

STATUS_ERROR = 2
"""`STATUS_CODE_ERROR` of `opentelemetry.proto.trace.v1.Status`."""


class UndecodableError(ValueError):
    """The body is no `ExportTraceServiceRequest`; the text says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Span:
    """A finished span. Ids are lower-case hexadecimal, empty where there is none; times are nanoseconds
    since 1970, 0 where unknown. `service` is the resource's `service.name`."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start_ns: int
    end_ns: int
    status_code: int
    status_message: str
    attributes: Mapping[str, Scalar]
    service: str
