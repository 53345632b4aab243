"""One connection of `runlog serve`: uvicorn's, but no header changes what is read.

- An upgrade is ignored, as RFC 9110 (7.8) lets a server do. The parser takes what follows the head for
  another protocol, so the request is begun again by another parser, with the same head but for its `Upgrade`.
- Trailers are not made headers (RFC 9110, 6.5.1).
- A client that closes its side after a whole request gets its answer; then the connection is closed.
- A client that resets its connection during an answer causes no error.
- An answer without an end ends with the server (`STOPPING`).
"""

from typing import Any

import httptools
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

BOUND_HOST = "bound_host"
"""The key in an ASGI scope's `state` of the host that the server was set to listen on."""

STOPPING = "stopping"
"""The key in the application's state of an `asyncio.Event` that is set when the server begins to end."""

_CLOSED = "the handler is closed"  # of uvloop's error, which has no type of its own


class _Cycle(RequestResponseCycle):
    """uvicorn's, but a client that resets its connection during an answer is no error of the application."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send a part of the answer, if the client is still there."""
        try:
            await super().send(message)
        except RuntimeError as error:
            if _CLOSED not in str(error):
                raise
            self.disconnected = True


class Connection(HttpToolsProtocol):
    """uvicorn's protocol for one connection, without upgrades."""

    receives_nothing = False  # the client has closed its side
    _is_whole = False  # the request that began last

    def feed(self, data: bytes | memoryview) -> None:
        """Parse `data`, past any upgrade. Raises `httptools.HttpParserError`."""
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                self.begin_again()
                data = data[upgrade.args[0] :]
            else:
                return

    def begin_again(self) -> None:
        """Begin the request whose head was just parsed again, without its upgrade."""
        head = self._head_without_upgrade()
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn makes it
        self.parser.feed_data(head)

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join((*lines, b"", b""))

    def on_message_begin(self) -> None:
        """The first byte of a request came."""
        super().on_message_begin()
        self._is_whole = False
        state: dict[str, Any] = self.scope["state"]
        state[BOUND_HOST] = self.config.host

    def on_headers_complete(self) -> None:
        """Begin the request, unless it is to be begun again without its upgrade."""
        if self.parser.get_method() == b"CONNECT":
            raise ValueError("this is no proxy")  # answered as any request that cannot be parsed
        if self.parser.should_upgrade():
            return
        super().on_headers_complete()
        self.cycle.__class__ = _Cycle  # uvicorn has no setting for it
        self.headers = []  # trailers come here, and are not read

    def on_message_complete(self) -> None:
        """The request is whole, unless it is to be begun again."""
        if self.parser.should_upgrade():
            return
        self._is_whole = True
        super().on_message_complete()

    def shutdown(self) -> None:
        """The server ends: so do answers that last as long as their readers."""
        if stopping := self.app_state.get(STOPPING):
            stopping.set()
        super().shutdown()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more. True keeps the connection for the answers that are under way."""
        self.receives_nothing = True
        answering = self._is_whole and self.cycle is not None and not self.cycle.response_complete
        return answering or self.holds_more()

    def holds_more(self) -> bool:
        """Whether something came that is not parsed yet."""
        return False

    def on_response_complete(self) -> None:
        """Begin the next request of the pipeline; close the connection after the last one there will be."""
        super().on_response_complete()
        if not self.receives_nothing or self.holds_more():
            return
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
