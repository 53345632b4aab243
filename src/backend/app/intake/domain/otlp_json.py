"""OTLP's JSON: ids in hexadecimal, 64-bit integers as strings or numbers, names in camel case."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from app.intake.domain.spans import Scalar, Span, UndecodableError

_MOST = 2**63 - 1  # of OTLP's integers; in nanoseconds the year 2262, within Python's dates


class _Value(msgspec.Struct, rename="camel"):
    """An attribute's value; of arrays and objects nothing is kept."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None

    @property
    def scalar(self) -> Scalar | None:
        """The value, None where it is not a single one. Raises `ValueError` for what is no such number."""
        if self.int_value is not None:
            return _integer(self.int_value, -_MOST - 1)
        if self.double_value is not None:
            return float(self.double_value)
        return self.string_value if self.string_value is not None else self.bool_value


class _Attribute(msgspec.Struct):
    key: str = ""
    value: _Value | None = None


class _Status(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Span(msgspec.Struct, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str | None = None
    name: str = ""
    start_time_unix_nano: int | str = 0
    end_time_unix_nano: int | str = 0
    attributes: list[_Attribute] = []
    status: _Status | None = None


class _Resource(msgspec.Struct):
    attributes: list[_Attribute] = []


class _ScopeSpans(msgspec.Struct):
    spans: list[_Span] = []


class _ResourceSpans(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] = []


class _Request(msgspec.Struct, rename="camel"):
    resource_spans: list[_ResourceSpans] = []


_decode = msgspec.json.Decoder(_Request).decode


def decode(body: bytes) -> list[Span]:
    """The spans of a request in JSON. Raises `UndecodableError`."""
    try:
        return list(_spans(_decode(body)))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UndecodableError(f"the body is no OTLP JSON: {error}") from error
    except RecursionError as error:
        raise UndecodableError("the body is nested too deep") from error
    except ValueError as error:
        raise UndecodableError("the body is no OTLP JSON: a number is none") from error


def answer(rejected: int, message: str) -> bytes:
    """An `ExportTraceServiceResponse`: a partial success where spans were rejected."""
    if not rejected:
        return b"{}"
    partial = {"rejectedSpans": str(rejected), "errorMessage": message}
    return msgspec.json.encode({"partialSuccess": partial})


def status(code: int, message: str) -> bytes:
    """A `google.rpc.Status`, the body of an error."""
    return msgspec.json.encode({"code": code, "message": message})


def _spans(request: _Request) -> Iterator[Span]:
    for resource_spans in request.resource_spans:
        resource = _scalars(resource_spans.resource.attributes) if resource_spans.resource else {}
        service = str(resource.get("service.name", ""))
        for span in (span for scope in resource_spans.scope_spans for span in scope.spans):
            span_status = span.status or _Status()
            yield Span(
                trace_id=span.trace_id.lower(),
                span_id=span.span_id.lower(),
                parent_id=(span.parent_span_id or "").lower(),
                name=span.name,
                start_ns=_integer(span.start_time_unix_nano),
                end_ns=_integer(span.end_time_unix_nano),
                status_code=span_status.code,
                status_message=span_status.message,
                attributes=_scalars(span.attributes),
                service=service,
            )


def _scalars(attributes: list[_Attribute]) -> Mapping[str, Scalar]:
    found: dict[str, Any] = {
        attribute.key: attribute.value.scalar for attribute in attributes if attribute.value is not None
    }
    return {key: value for key, value in found.items() if value is not None}


def _integer(value: int | str, least: int = 0) -> int:
    number = int(value)
    if not least <= number <= _MOST:
        raise ValueError(value)
    return number
