"""Logs that processes append to, kept within bounds while they are written."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

LOG_LIMIT = 10 * 1024 * 1024
"""Bytes of a log after which it is begun again, with the last ones kept beside it."""


def older(path: Path) -> Path:
    """Where the part of a log goes that is no longer in it."""
    return path.with_name(f"{path.name}.1")


def bound(path: Path, limit: int = LOG_LIMIT) -> None:
    """Empty a log of more than `limit` bytes, with its content kept in `older(path)`.

    It is copied and truncated, for its writers keep it open: they append, so they go on at its beginning. A
    line written between the two is lost. So is the content where the disk is too full for a copy: the bound
    counts for more then. A log that is not there is none too long. Raises `OSError`.
    """
    try:
        if path.stat().st_size <= limit:
            return
    except FileNotFoundError:
        return
    kept, new = older(path), path.with_name(f"{path.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with path.open("rb") as source, os.fdopen(descriptor, "wb") as copy:
            shutil.copyfileobj(source, copy, 1024 * 1024)
        new.replace(kept)
    except OSError:
        for each in (new, kept):
            with suppress(OSError):
                each.unlink(missing_ok=True)
    os.truncate(path, 0)


class Follower:
    """Reads what is appended to a log, across the times when it is begun again."""

    def __init__(self, path: Path) -> None:
        """From the present end of the log at `path`. Raises `OSError`."""
        self._path = path
        self._older = self._identity_of_older()
        self._position = path.stat().st_size
        self._rest = b""

    def before(self, count: int) -> list[str]:
        """The last `count` lines before that, with those in `older(path)` where the log has too few itself.

        To be called before `read`. Raises `OSError`.
        """
        read = _from(self._path, 0)[: self._position]
        if read.count(b"\n") < count:
            read = _from(older(self._path), 0) + read
        lines = read.splitlines()
        return [line.decode("utf-8", "replace") for line in lines[len(lines) - min(count, len(lines)) :]]

    def read(self) -> list[str]:
        """The whole lines that have come since the last call. Raises `OSError`."""
        found = b""
        older_now = self._identity_of_older()
        if older_now != self._older:
            # What is there now is what was read so far, and what came after it.
            found = _from(older(self._path), self._position)
            self._older, self._position = older_now, 0
        elif self._path.stat().st_size < self._position:
            self._position = 0
        new = _from(self._path, self._position)
        self._position += len(new)
        *lines, self._rest = (self._rest + found + new).split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]

    def _identity_of_older(self) -> tuple[int, int] | None:
        try:
            found = older(self._path).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns


def _from(path: Path, position: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(position)
            return file.read()
    except FileNotFoundError:
        return b""
