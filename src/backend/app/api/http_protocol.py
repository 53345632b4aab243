"""The HTTP protocol of `runlog serve`: uvicorn's, with a fast path for reports.

An ASGI scope, a task and FastAPI's request cost several times what recording a run does. A plain report
avoids them:

1. `on_headers_complete` takes the fast path where the request declares its length and has nothing unusual in
   its headers. Every other request takes uvicorn's way to the application, which answers reports alike.
2. `on_body` collects the body, which the declared length bounds.
3. `on_message_complete` parses it and submits the run to the writer, or answers why not.
4. The writer sets the outcome after the commit, and the answer goes to the socket.

A report that comes in one piece, with the head that its connection's first one had (`KnownHead`), begins with
the third step.

What a client may take of memory and time, `bounded_protocol` limits.
"""

import asyncio
from uuid import UUID

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from app.api.bounded_protocol import BoundedProtocol
from app.api.browser_guard import is_host_allowed
from app.api.connection import Connection
from app.api.errors import run_not_recorded
from app.api.internal.agent_run_log import PATH, RUN_ID_HEADER
from app.api.known_head import MOST_DIGITS, KnownHead
from app.api.request_context import REQUEST_ID_HEADER, request_id_of
from app.config import get_settings
from app.errors import IngestUnavailableError, InvalidRunError
from app.runs.parsing import parse_run
from app.runs.wire import VISIBLE_ASCII
from app.runs.writer import get_writer

_PATH = PATH.encode()
_RECORDED = b"HTTP/1.1 204 No Content\r\n%s: " % RUN_ID_HEADER.lower().encode()
_UNUSUAL = frozenset(
    {b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"origin", b"sec-fetch-site"}
)
_VARYING = frozenset({b"idempotency-key", REQUEST_ID_HEADER})  # from report to report, as a rule
_NO_HEADERS: dict[bytes, bytes] = {}


class Report:
    """A report under way: to uvicorn the connection's request, to the writer the `Answer` to set."""

    __slots__ = (
        "_protocol",
        "body",
        "disconnected",
        "headers",
        "keep_alive",
        "response_complete",
        "response_started",
    )

    message_event = asyncio.Event()  # uvicorn sets it when the client hangs up; a report does not wait for it

    def __init__(self, protocol: "HttpProtocol", headers: dict[bytes, bytes], *, keep_alive: bool) -> None:
        self._protocol = protocol
        self.headers = headers
        self.body = bytearray()
        self.response_started = False
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False

    def record(self, body: bytes) -> None:
        """Submit the run to the writer, or answer why not."""
        key = self.headers.get(b"idempotency-key")
        try:
            run = parse_run(body, key.decode("latin-1") if key else None)
            self._protocol.writer.submit(run, self)
        except (InvalidRunError, IngestUnavailableError) as error:
            self.set_exception(error)

    def done(self) -> bool:
        """Whether it was answered."""
        return self.response_complete

    def set_result(self, run_id: UUID) -> None:
        """Answer that the run is recorded."""
        self._send((_RECORDED, str(run_id).encode(), b"\r\n"))

    def set_exception(self, error: Exception) -> None:
        """Answer that it is not."""
        response = run_not_recorded(error)
        headers = [b"%s: %s\r\n" % header for header in response.raw_headers]
        self._send((STATUS_LINE[response.status_code], *headers), bytes(response.body))

    def _send(self, head: tuple[bytes, ...], body: bytes = b"") -> None:
        self.response_complete = True
        transport = self._protocol.transport
        if not transport.is_closing():
            request_id = request_id_of(self.headers.get(REQUEST_ID_HEADER))
            last = b"\r\n\r\n" if self.keep_alive else b"\r\nconnection: close\r\n\r\n"
            common = self._protocol.common_headers()
            transport.write(b"".join((*head, common, b"x-request-id: ", request_id, last, body)))
            if not self.keep_alive:
                transport.close()
        self._protocol.on_response_complete()


class HttpProtocol(BoundedProtocol):
    """The protocol of the faces that take reports, for one connection."""

    cycle: RequestResponseCycle | Report  # type: ignore[assignment]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, and expect its first request."""
        super().connection_made(transport)
        self.writer = get_writer()
        self._known_head: KnownHead | None = None
        self._had_report = False

    def data_received(self, data: bytes) -> None:
        """Take a report whose head is known; parse what else came, as far as answers keep up with it."""
        begins = self.begins_request()
        if begins and self._known_head is not None and not self.transport.is_closing():
            body = self._known_head.body_of(data, get_settings().max_body_bytes)
            if body is not None:
                self.cycle = Report(self, _NO_HEADERS, keep_alive=True)
                self.cycle.record(body)
                return
        super().data_received(data)
        if begins and not self._had_report and isinstance(self.cycle, Report):
            self._had_report = True
            self._learn_head(data, self.cycle)

    def _learn_head(self, data: bytes, report: Report) -> None:
        """Keep the head of a report that began with `data`, if it is whole and others may have the same."""
        if self._is_whole and report.keep_alive and _VARYING.isdisjoint(report.headers):
            self._known_head = KnownHead.of(data, report.headers[b"content-length"])

    def on_message_begin(self) -> None:
        """The first byte of a request came."""
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._is_whole = False
        self.begin_request()

    def on_headers_complete(self) -> None:
        """Take the fast path where the request is a plain report."""
        if self.url == _PATH and self.parser.get_method() == b"POST":
            headers = dict(self.headers)
            if self._is_plain(headers):
                self.begin_body(headers[b"content-length"])
                self.cycle = Report(self, headers, keep_alive=self.parser.should_keep_alive())
                return
        self._make_scope()
        super().on_headers_complete()

    def _make_scope(self) -> None:
        """What uvicorn makes when a request begins, postponed because a report does not need it."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        Connection.on_message_begin(self)
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)

    def _is_plain(self, headers: dict[bytes, bytes]) -> bool:
        length = headers.get(b"content-length", b"")
        key = headers.get(b"idempotency-key")
        settings = get_settings()
        return (
            len(headers) == len(self.headers)
            and headers.get(b"content-type") == b"application/json"
            and length.isdigit()
            and len(length) <= MOST_DIGITS
            and int(length) <= settings.max_body_bytes
            and (key is None or VISIBLE_ASCII.fullmatch(key.decode("latin-1")) is not None)
            and _UNUSUAL.isdisjoint(headers)
            and is_host_allowed(headers.get(b"host"), self.config.host, settings.allowed_hosts)
            and self.parser.get_http_version() == "1.1"
            and (self.cycle is None or self.cycle.response_complete)
        )

    def on_body(self, body: bytes) -> None:
        """A part of a body came."""
        if isinstance(self.cycle, Report):
            self.count_body(len(body))
            self.cycle.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self.parser.should_upgrade():
            return
        if isinstance(self.cycle, Report):
            self.end_request()
            self._is_whole = True
            body, self.cycle.body = bytes(self.cycle.body), bytearray()  # not kept until the commit
            self.cycle.record(body)
        else:
            super().on_message_complete()
