"""A broker of the test's own, which may be stopped and started, and what waits in its queue."""

import base64
import json
import os
import secrets
import signal
from pathlib import Path

import redis

from app.embedded.valkey import Valkey
from support.processes import free_port

QUEUE = "runlog"


class Broker:
    """One Valkey process."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._password, self._port = secrets.token_hex(16), free_port()
        self._server: Valkey | None = None
        self.url = f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def start(self, **settings: str) -> None:
        """Start it, with the messages it had when it was stopped."""
        self._server = Valkey(self._directory, password=self._password, port=self._port, settings=settings)
        self._server.start()

    def stop(self) -> None:
        """Stop it; starting it again is possible."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def kill(self) -> None:
        """End it by SIGKILL; starting it again is possible."""
        if self._server is not None:
            os.kill(self._server.pid, signal.SIGKILL)
            self._server.finish(10)

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        assert self._server is not None
        return self._server.pid

    def client(self) -> redis.Redis:
        """A connection to it."""
        return redis.Redis.from_url(self.url)

    def messages(self) -> list[tuple[str, list[str]]]:
        """The task's name and the run ids of every message that waits, oldest first."""
        with self.client() as client:
            waiting = [json.loads(raw) for raw in reversed(client.lrange(QUEUE, 0, -1))]
        found = []
        for message in waiting:
            (first, *others), _, _ = json.loads(base64.b64decode(message["body"]))
            found.append((message["headers"]["task"], [first, *(others[0] if others else [])]))
        return found

    def run_ids(self) -> list[str]:
        """The run ids of all messages that wait."""
        return [run_id for _, run_ids in self.messages() for run_id in run_ids]
