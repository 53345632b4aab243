"""A shell that reports runs, and a server that only listens to them."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.processes import RUNLOG, called


class Listener(ThreadingHTTPServer):
    """Keeps every run as it was sent, with each request's path, authorization and idempotency key.

    It answers with `statuses` and `bodies` in turn, the last of which it repeats, and with `headers`; None is
    no answer.
    """

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.requests: list[tuple[str, str | None]] = []
        self.keys: list[str | None] = []
        self.statuses: list[int | None] = [204]
        self.bodies: list[bytes] = [b""]
        self.headers: dict[str, str] = {"Location": "/elsewhere"}
        super().__init__(("127.0.0.1", 0), _Recording)


class _Recording(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        self.server.sent.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, self.headers["Authorization"]))
        self.server.keys.append(self.headers["Idempotency-Key"])
        status, body = (
            turns.pop(0) if len(turns) > 1 else turns[0]
            for turns in (self.server.statuses, self.server.bodies)
        )
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        for header in self.server.headers.items():
            self.send_header(*header)
        self.end_headers()
        if body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


class Shell:
    """A shell from which agents report to a listener."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.env = {**os.environ, "RUNLOG_URL": f"http://127.0.0.1:{listener.server_port}"}

    def runlog(self, *arguments: str | bytes) -> subprocess.CompletedProcess[bytes]:
        """Run the command as a process, to its end."""
        return subprocess.run(
            [*RUNLOG, *arguments], env=self.env, check=False, timeout=120, capture_output=True
        )

    def called(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command within this process."""
        return called(*arguments, **self.env)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start the command with a pipe for its stdout."""
        return subprocess.Popen([*RUNLOG, *arguments], env=self.env, stdout=subprocess.PIPE, **options)

    @property
    def sent(self) -> bytes:
        """The one run that was reported."""
        (run,) = self.listener.sent
        return run

    @property
    def actions(self) -> dict[str, Any]:
        """Its actions."""
        return dict(json.loads(self.sent)["actions_taken"])


@contextmanager
def listened_to() -> Iterator[Shell]:
    """A shell whose reports somebody listens to."""
    with Listener() as listener:
        threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True).start()
        yield Shell(listener)
        listener.shutdown()
