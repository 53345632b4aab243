"""uvicorn's HTTP protocol with bounds, so that no client takes memory or time from the others.

Of one connection:

- A head is at most `MOST_HEAD_BYTES`, and is measured after each slice; a longer one is answered with 431,
  after the requests before it have their answers.
- A request that is not whole after `REQUEST_SECONDS` ends its connection, and so do answers that are not
  read for `ANSWER_SECONDS`, and a pause between two requests that is longer than uvicorn's setting. One timer
  looks for both: setting uvicorn's own for each pause costs as much as parsing a report's JSON.
- While answers are not read, and while `MOST_PIPELINED` requests wait for theirs, no more is read.

Of all connections of a process: requests that are not whole hold at most `MOST_INCOMPLETE_BYTES`. Beyond that
those which have been so for the longest are answered with 503. A report that comes in one piece is never one.
"""

import asyncio
from collections import deque
from typing import ClassVar

import httptools
from uvicorn.protocols.http.flow_control import FlowControl

from app.api.connection import Connection
from app.logs import get_logger

REQUEST_SECONDS = 30.0
"""How long a client may take to send a whole request; nginx gives 60 for the headers alone."""

ANSWER_SECONDS = 30.0
"""How long a client may leave answers unread that fill its buffers; half of nginx's send_timeout."""

MOST_HEAD_BYTES = 32_768
"""A request line and headers; what nginx takes (four buffers of 8 KiB)."""

MOST_PIPELINED = 8
"""Requests of a connection that wait for the one before; clients that send so send few."""

MOST_INCOMPLETE_BYTES = 64 * 1024 * 1024
"""Of requests that are not whole, in a process: 64 of the largest reports by default, beside its 100 MiB."""

_SLICE = 1024  # bytes parsed at once where several requests may follow each other: at most 56 of 18 bytes
_EMPTY = b"%scontent-length: 0\r\nconnection: close\r\n\r\n"
_TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\n" + _EMPTY
_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + _EMPTY
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n" + _EMPTY

log = get_logger(__name__)


class Incomplete:
    """The requests of a process that are not whole, and how many bytes of each have come."""

    def __init__(self) -> None:
        self.bytes = 0
        self._sizes: dict[BoundedProtocol, int] = {}

    def note(self, protocol: "BoundedProtocol", size: int) -> None:
        """Of the request of `protocol` so many bytes have come; refuse the oldest ones beyond the limit."""
        self.bytes += size - self._sizes.get(protocol, 0)
        self._sizes[protocol] = size
        while self.bytes > MOST_INCOMPLETE_BYTES:
            next(iter(self._sizes)).refuse(_BUSY)

    def forget(self, protocol: "BoundedProtocol") -> None:
        """The request is whole, or its connection is gone."""
        self.bytes -= self._sizes.pop(protocol, 0)


class _Turns:
    """Connections with requests that came in one piece: one goes on in each turn of the event loop."""

    def __init__(self) -> None:
        self._waiting: deque[BoundedProtocol] = deque()

    def wait(self, protocol: "BoundedProtocol") -> None:
        """Have `protocol` go on when all that wait now have had their turn."""
        self._waiting.append(protocol)
        if len(self._waiting) == 1:
            protocol.loop.call_soon(self._next, protocol.loop)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._waiting[0].parse_rest()
        self._waiting.popleft()
        if self._waiting:
            loop.call_soon(self._next, loop)


class _Flow(FlowControl):
    """Reads no more while it is `blocked`, also when an application asks for its request's body."""

    blocked = False

    def block(self) -> None:
        self.blocked = True
        self.pause_reading()

    def resume_reading(self) -> None:
        if not self.blocked:
            super().resume_reading()


class BoundedProtocol(Connection):
    """A connection with bounds.

    `waiting_since` is when the client began the request that is not whole yet, on the loop's clock, and
    `answered_at` when the last answer was made.
    """

    incomplete: ClassVar = Incomplete()
    _turns: ClassVar = _Turns()
    _common: ClassVar[tuple[object, bytes]] = (None, b"")

    flow: _Flow
    waiting_since: float | None
    answered_at: float
    _timeout: asyncio.TimerHandle
    _unread: asyncio.TimerHandle | None
    _unparsed: bytes | memoryview
    _in_head: bool
    _head_bytes: int
    _body_bytes: int
    _body_left: int
    _refusal: bytes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, and expect its first request."""
        super().connection_made(transport)
        self.flow = _Flow(transport)
        self.waiting_since = self.answered_at = self.loop.time()
        self._timeout = self.loop.call_later(REQUEST_SECONDS, self._check_timeout)
        self._unread, self._unparsed = None, b""
        self._in_head, self._head_bytes, self._body_bytes, self._body_left = False, 0, 0, 0
        self._refusal = b""  # what is answered, and the connection closed, after all requests before it

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; so is all that refers to it, which no collection needs to find."""
        self._timeout.cancel()
        self._end_wait_for_reader()
        self.incomplete.forget(self)
        super().connection_lost(exc)
        self._unparsed = b""
        self.pipeline.clear()
        self.cycle = None  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Parse what came, as far as answers keep up with it."""
        if self._unparsed:
            self._unparsed = bytes(self._unparsed) + data
        elif not (self._refusal or self.transport.is_closing()):
            self._parse(data)

    def _parse(self, data: bytes | memoryview) -> None:
        """Parse a slice, or a whole body; what follows waits for its turn among all connections."""
        if len(data) <= _SLICE:  # as most reports
            self._feed(data)
            self._note_incomplete()
            return
        rest = memoryview(data)
        while rest and self.parser is not None and not (self._refusal or self.transport.is_closing()):
            size = max(_SLICE, self._body_left)
            self._feed(rest[:size])
            rest = rest[size:]
            if not self._body_left:
                break
        if rest and not self._refusal:
            self._unparsed = rest
            self.flow.block()
            self._turns.wait(self)
        self._note_incomplete()

    def _feed(self, data: bytes | memoryview) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        try:
            self.feed(data)
        except httptools.HttpParserError:
            log.warning("invalid_http_request")
            self.send_400_response("Invalid HTTP request received.")
        else:
            if self._in_head and self._head_bytes > MOST_HEAD_BYTES:
                self.refuse(_HEAD_TOO_LARGE)

    def _note_incomplete(self) -> None:
        size = 0 if self.waiting_since is None else self._head_bytes + self._body_bytes
        if size and self.parser is not None and not self.transport.is_closing():
            self.incomplete.note(self, size)

    def begin_request(self) -> None:
        """The first byte of a request came."""
        self.waiting_since = self.loop.time()
        self._in_head, self._head_bytes, self._body_bytes, self._body_left = True, 0, 0, 0

    def end_request(self) -> None:
        """The last byte of a request came."""
        self.waiting_since = None
        self._body_left = 0
        self.incomplete.forget(self)

    def on_message_begin(self) -> None:
        """The first byte of a request came."""
        self.begin_request()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self.begin_body(next((value for name, value in self.headers if name == b"content-length"), b"0"))
        super().on_headers_complete()

    def begin_body(self, length: bytes) -> None:
        """The head is whole; a body of this declared `length` follows."""
        self._in_head = False
        self._body_left = int(length) if length.isdigit() and len(length) < 19 else 0

    def on_body(self, body: bytes) -> None:
        """A part of a body came."""
        self.count_body(len(body))
        super().on_body(body)

    def count_body(self, size: int) -> None:
        """So many bytes of the body came."""
        self._body_bytes += size
        self._body_left = max(0, self._body_left - size)

    def on_message_complete(self) -> None:
        """The request is whole, unless it is to be begun again without its upgrade."""
        if not self.parser.should_upgrade():
            self.end_request()
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """A request is answered: go on with those behind it, as far as answers are read."""
        self.answered_at = self.loop.time()
        if self._refusal and not self.pipeline:
            self._end(self._refusal)
            return
        if not (self.pipeline or self._unparsed or self.flow.read_paused or self.receives_nothing):
            self.server_state.total_requests += 1
            return
        super().on_response_complete()
        self._unset_keepalive_if_required()
        if self.transport.is_closing():
            return
        if self._unparsed:
            self._turns.wait(self)

    def parse_rest(self) -> None:
        """Go on with what came with a request that was parsed before, if it may."""
        if self.flow.write_paused or len(self.pipeline) >= MOST_PIPELINED or self.parser is None:
            return
        data, self._unparsed = self._unparsed, b""
        if data:
            self._parse(data)
        self._read_on()

    def _read_on(self) -> None:
        if not self._unparsed and not self.flow.write_paused:
            self.flow.blocked = False
            if not self.pipeline:
                self.flow.resume_reading()

    def pause_writing(self) -> None:
        """Answers are not read: read no requests either, and wait for a reader for a while."""
        super().pause_writing()
        self.flow.block()
        if self._unread is None:
            self._unread = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Answers are read again."""
        super().resume_writing()
        self._end_wait_for_reader()
        if self._unparsed:
            self._turns.wait(self)
        self._read_on()

    def _end_wait_for_reader(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def refuse(self, answer: bytes) -> None:
        """Give the request that is not whole this `answer`, and end the connection.

        Where its body is coming, others before it have no answer any more, and it has none after them.
        """
        self.incomplete.forget(self)
        if self._in_head and self._is_answering():
            self._refusal, self._unparsed, self.waiting_since = answer, b"", None
            self.flow.block()
            return
        if self._is_answering():
            self.transport.close()
        else:
            self._end(answer)
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _end(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer % self.common_headers())
            self.transport.close()

    def common_headers(self) -> bytes:
        """The headers of every answer, `Date` among them, as lines; uvicorn makes them again each second."""
        headers = self.server_state.default_headers
        if headers is not BoundedProtocol._common[0]:
            lines = b"".join(b"%s: %s\r\n" % header for header in headers)
            BoundedProtocol._common = (headers, lines)
        return BoundedProtocol._common[1]

    def holds_more(self) -> bool:
        """Whether something came that waits for its turn."""
        return bool(self._unparsed)

    def _is_answering(self) -> bool:
        """Whether an earlier request has no answer yet, or an answer to the current one is on its way."""
        if self.cycle is None or self.cycle.response_complete:
            return False
        return bool(self.pipeline) or self._in_head or self.cycle.response_started

    def is_between_requests(self) -> bool:
        """Whether every request is answered, and no further one begun."""
        return (
            self.waiting_since is None
            and not self._unparsed
            and self.cycle is not None
            and self.cycle.response_complete
        )

    def begins_request(self) -> bool:
        """Whether what comes next is the beginning of a request, and none waits for its answer."""
        return self.is_between_requests() or (self.cycle is None and not self._in_head)

    def shutdown(self) -> None:
        """Finish the request under way; one that is not whole yet is not waited for."""
        if self.waiting_since is not None:
            self.transport.close()
        else:
            super().shutdown()

    def _check_timeout(self) -> None:
        """Close the connection when its client is overdue, or check again when it would be."""
        now, left = self.loop.time(), REQUEST_SECONDS
        if self.waiting_since is not None:
            left -= now - self.waiting_since
            if left <= 0:
                self.refuse(_TIMED_OUT)
                return
        elif self.is_between_requests():
            left = min(left, self.timeout_keep_alive - (now - self.answered_at))
            if left <= 0:
                self.transport.close()
                return
        self._timeout = self.loop.call_later(left, self._check_timeout)
