"""What the processes that share a spool tell each other of the server, in files."""

import os
import time
from contextlib import suppress
from pathlib import Path

LONGEST_PAUSE_SECONDS = 300.0
"""A server's Retry-After counts for so long at most: a wrong one must not keep reports back for days."""


class ServerNotes:
    """Until when the server asked to be left alone, and when it was last found to be away, and why.

    Times are those of the machine's clock: one that was set back makes a process ask sooner, or once more.
    What cannot be noted, as on a full disk, is not: then other processes ask the server themselves.
    """

    def __init__(self, directory: Path) -> None:
        self._pause = directory / "server.pause"
        self._failure = directory / "server.failure"

    def pause(self, seconds: float) -> None:
        """Have every process leave the server alone for so long, `LONGEST_PAUSE_SECONDS` at most."""
        if seconds > 0:
            _write(self._pause, f"{time.time() + min(seconds, LONGEST_PAUSE_SECONDS):.3f}")

    def paused_for(self) -> float:
        """For how many seconds the server is to be left alone, whichever process it asked for that."""
        try:
            left = float(self._pause.read_text(encoding="ascii")) - time.time()
        except (OSError, ValueError):
            return 0.0
        return left if 0 < left <= LONGEST_PAUSE_SECONDS else 0.0

    def fail(self, reason: str) -> None:
        """The server was away just now: this spares those who wait for their turn the same."""
        now = time.time_ns()
        if _write(self._failure, reason):
            with suppress(OSError):
                os.utime(self._failure, ns=(now, now))

    def failed_at(self) -> int:
        """When the server was last found to be away, in nanoseconds since 1970; 0 for never."""
        try:
            return self._failure.stat().st_mtime_ns
        except OSError:
            return 0

    def failure(self) -> str:
        """Why the last delivery was stopped."""
        try:
            return self._failure.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""


def _write(path: Path, text: str) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:
        return False
    return True
