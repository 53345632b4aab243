"""What the processes that share a spool tell each other of the server, in files."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

LONGEST_PAUSE_SECONDS = 300.0
"""A server's Retry-After counts for so long at most: a wrong one must not keep reports back for days."""


class ServerNotes:
    """Until when the server asked to be left alone, and when it was last found to be away, and why.

    Times are those of the machine's clock: one that was set back makes a process ask sooner, or once more.
    What cannot be noted, as on a full disk, is not: then other processes ask the server themselves.
    """

    def __init__(self, directory: Path, write: Callable[[bytes], Path]) -> None:
        """Notes of `directory`; `write` makes a new file beside it, and raises `OSError` where it cannot."""
        self._pause = directory / "server.pause"
        self._failure = directory / "server.failure"
        self._write_new = write

    def pause(self, seconds: float) -> None:
        """Have every process leave the server alone for so long, `LONGEST_PAUSE_SECONDS` at most."""
        if seconds > 0:
            self._write(self._pause, f"{time.time() + min(seconds, LONGEST_PAUSE_SECONDS):.3f}")

    def paused_for(self) -> float:
        """For how many seconds the server is to be left alone, whichever process it asked for that."""
        try:
            left = float(self._pause.read_text(encoding="ascii")) - time.time()
        except (OSError, ValueError):
            return 0.0
        return left if 0 < left <= LONGEST_PAUSE_SECONDS else 0.0

    def fail(self, reason: str) -> None:
        """The server was away just now: this spares those who wait for their turn the same."""
        self._write(self._failure, reason)

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

    def _write(self, path: Path, text: str) -> None:
        """Replace the file as a whole: another process reads it at any time."""
        with suppress(OSError):
            written = self._write_new(text.encode("utf-8", errors="replace"))
            now = time.time_ns()  # the clock of a file system may be behind
            os.utime(written, ns=(now, now))
            written.rename(path)
