"""The frame of HTTP servers that tests run beside themselves."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class QuietHandler(BaseHTTPRequestHandler):
    """A handler that writes no log."""

    def log_message(self, *_: Any) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # of clients that come at once

    def handle_error(self, *_: Any) -> None:
        pass  # a client that hung up


@contextmanager
def serving_requests(handler: type[QuietHandler], port: int, let_go: Callable[[], None]) -> Iterator[None]:
    """A server on a local port for the time of the block; at its end `let_go` frees what is kept."""
    server = _Server(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        let_go()
        server.shutdown()
        server.server_close()
        thread.join(10)
