"""An HTTP receiver of webhooks that a test runs, and may have behave badly."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from support.local_http import QuietHandler, serving_requests
from support.processes import free_port


@dataclass(frozen=True)
class Request:
    """What came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers by `status`, `headers` and `body` once `release` is set, as it is unless a test clears it.

    `status_of` gives each request a status of its own.
    """

    port: int
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    status_of: Callable[[Request], int] | None = None
    release: threading.Event = field(default_factory=threading.Event)
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens; the path is as secret as those of many chats."""
        return f"http://127.0.0.1:{self.port}/hooks/s3cr3tpath"


@contextmanager
def receiving(port: int | None = None) -> Iterator[Receiver]:
    """A receiver on `port`, or a free one."""
    receiver = Receiver(port or free_port())
    receiver.release.set()

    class Handler(QuietHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, body)
            receiver.requests.append(request)
            receiver.release.wait(60)
            self.send_response(receiver.status_of(request) if receiver.status_of else receiver.status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(receiver.body)))
            self.end_headers()
            self.wfile.write(receiver.body)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815

    with serving_requests(Handler, receiver.port, receiver.release.set):
        yield receiver
