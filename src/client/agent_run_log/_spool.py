"""Reports that could not be delivered yet, on disk: one file a report, shared by all processes of a user.

    <directory>/queue/      reports that wait, named by a number that orders them
                incoming/   reports that are being written
                rejected/   reports that the server refuses, each with its reason beside it
                corrupt/    files of the queue that hold no whole report
                add.lock, delivery.lock, server.pause, server.failure

It needs the standard library alone.
"""

import errno
import logging
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from agent_run_log._answers import Outcome, Verdict, unanswered
from agent_run_log._entry import Entry
from agent_run_log._errors import SpoolError, SpoolFullError
from agent_run_log._locks import locked
from agent_run_log._server_notes import ServerNotes

MAX_ENTRIES = 10_000
"""Reports that wait at most: two weeks of thirty agents that each report once an hour."""
MAX_BYTES = 256 * 1024**2
"""Bytes of reports that wait at most: as many of 26 kB, some ten times an ordinary one."""
MAX_ASIDE = 1_000
"""Files that are kept of `rejected` and of `corrupt`, and of reasons beside them; older ones are removed."""

# Seconds within which others have written one name into the queue: each takes milliseconds.
_ADD_SECONDS = 10.0
# Seconds after which a file in `incoming` is what a killed process left.
_ABANDONED_SECONDS = 3600.0
# The number that orders it, and its bytes: so no file is looked at to add another.
_NAME = re.compile(r"(\d{20})\.(\d+)\.run")

_log = logging.getLogger("agent_run_log")


@dataclass(frozen=True, slots=True)
class Delivery:
    """How many reports the server took, refused, and could not be sent (corrupt); how many are left.

    `reason` says why some are left; `pause` for how many seconds the server asked not to be sent any.
    """

    delivered: int = 0
    rejected: int = 0
    corrupt: int = 0
    left: int = 0
    reason: str = ""
    pause: float = 0.0


def default_directory() -> Path:
    """The spool's directory: `RUNLOG_SPOOL_DIR`, else one below the platform's state directory of the user.

    Raises `SpoolError` where the user has no home.
    """
    if given := os.environ.get("RUNLOG_SPOOL_DIR"):
        return Path(given)
    try:
        if sys.platform == "darwin":
            state = Path.home() / "Library" / "Application Support"
        else:  # XDG Base Directory Specification 0.8: a relative path is to be ignored
            given = os.environ.get("XDG_STATE_HOME", "")
            state = Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise SpoolError("this user has no home directory: set RUNLOG_SPOOL_DIR") from error
    return state / "agent-run-log" / "spool"


class Spool:
    """The reports that wait in a directory, which is made when the first is added.

    Reports are delivered in the order in which they were added, by whatever process, and by one process at a
    time. They are private: its directories are open to this user alone. Any thread may call any method.
    """

    def __init__(
        self, directory: Path | None = None, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES
    ) -> None:
        self.directory = directory or default_directory()
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._queue = self.directory / "queue"
        self._incoming = self.directory / "incoming"
        self._rejected = self.directory / "rejected"
        self._corrupt = self.directory / "corrupt"
        self._lock = self.directory / "delivery.lock"
        self.server = ServerNotes(self.directory, self._write)

    def add(self, entry: Entry) -> str:
        """Keep a report until it is delivered and return its name, once it would survive the loss of power.

        1. It is written to a file of its own.
        2. Under the lock of all who add, the file gets a number above all in the queue.

        Raises `SpoolFullError` where the spool or the disk is full, `SpoolError` where it cannot be used.
        """
        text = entry.encode()
        with self._usable():
            self._make()
            written = self._write(text)
            try:
                name = self._enqueue(written, len(text))
            except BaseException:
                written.unlink(missing_ok=True)
                raise
            _sync_directory(self._queue)
        return name

    def deliver(
        self, send: Callable[[Entry], Outcome], *, seconds: float = math.inf, through: str | None = None
    ) -> Delivery:
        """Send what waits in order, until nothing does, `through` has been sent, or `seconds` are over.

        A report is deleted once `send` says that it was accepted, and set aside when it was refused. Else,
        and when `send` raises an `OSError`, it stays the first of the queue and delivery stops. Every process
        keeps a pause that the server asked for, and waits while another one delivers.
        Raises `SpoolError` where the spool cannot be used.
        """
        deadline = time.monotonic() + seconds
        if self.is_empty():
            return Delivery()
        if (pause := self.server.paused_for()) > seconds:
            return Delivery(left=len(self._names()), reason=_asks_for(pause), pause=pause)

        began = time.time_ns()

        def is_wanted() -> bool:
            if through is None:
                return not self.is_empty()
            # Another process may have done it meanwhile, or tried it in vain.
            return self.state_of(through) == "queue" and self.server.failed_at() < began

        with self._usable(), locked(self._lock, seconds, is_wanted) as lock:
            if lock is None or not is_wanted():
                left = len(self._names())
                reason = (
                    self.server.failure() if self.server.failed_at() >= began else "another process delivers"
                )
                return Delivery(left=left, reason=reason if left else "", pause=self.server.paused_for())
            self._remove_abandoned()
            return _Round(self, send, deadline, through).deliver()

    def set_aside(self, entry: Entry, reason: str) -> None:
        """Keep a report that the server refuses in `rejected`. Raises as `add` does."""
        with self._usable():
            self._make()
            self._aside(
                self._write(entry.encode()),
                self._rejected,
                f"{time.time_ns():020d}.{len(entry.body)}.run",
                reason,
            )

    def is_empty(self) -> bool:
        """Whether no report waits. Raises `SpoolError` where that cannot be seen."""
        with self._usable():
            try:
                with os.scandir(self._queue) as entries:
                    return next(entries, None) is None
            except FileNotFoundError:
                return True

    def state_of(self, name: str) -> str:
        """Where the report of this name lies: `queue`, `rejected` or `corrupt`; else `delivered`."""
        states = (self._queue, self._rejected, self._corrupt)
        return next((each.name for each in states if (each / name).exists()), "delivered")

    def reason_of(self, name: str) -> str:
        """Why the report of this name was refused; nothing where that is not known."""
        try:
            return _reason_file(self._rejected / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Say in one sentence what the system says of the spool."""
        try:
            yield
        except OSError as error:
            text = f"the spool in {self.directory} cannot be used: {error.strerror or error}"
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise SpoolFullError(text) from error
            raise SpoolError(text) from error

    def _make(self) -> None:
        for directory in (self._queue, self._incoming, self._rejected, self._corrupt):
            if not directory.is_dir():
                self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                directory.mkdir(mode=0o700, exist_ok=True)
        if self._queue.stat().st_uid != os.geteuid():
            raise SpoolError(
                f"the spool {self.directory} belongs to another user: set RUNLOG_SPOOL_DIR to your own"
            )

    def _write(self, text: bytes) -> Path:
        path = self._incoming / uuid4().hex
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def _enqueue(self, written: Path, size: int) -> str:
        with locked(self.directory / "add.lock", _ADD_SECONDS) as lock:
            if lock is None:
                raise SpoolError(f"the spool in {self.directory} is locked by a process that does not go on")
            last = count = 0
            total = size
            for each in self._names():
                count += 1
                if match := _NAME.fullmatch(each):
                    last = max(last, int(match[1]))
                    total += int(match[2])
            if count >= self._max_entries or total > self._max_bytes:
                raise SpoolFullError(
                    f"the spool in {self.directory} is full: {count} reports wait for the server already"
                )
            # A clock that was set back, or has not moved on, keeps the order.
            name = f"{max(last + 1, time.time_ns()):020d}.{size}.run"
            written.rename(self._queue / name)
            return name

    def _names(self) -> list[str]:
        return sorted(os.listdir(self._queue))  # noqa: PTH208  # names are all that is needed

    def _read(self, name: str) -> Entry | None:
        """The entry of the queue by this name, or None: it is gone, or was set aside as corrupt."""
        path = self._queue / name
        try:
            return Entry.decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except (ValueError, PermissionError, IsADirectoryError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            _log.error("a report in the spool was set aside in %s: %s", self._corrupt / name, reason)
            self._aside(path, self._corrupt, name, str(reason))
            return None

    def _aside(self, path: Path, directory: Path, name: str, reason: str) -> None:
        """Move a file out of the way; the oldest that lie there beyond `MAX_ASIDE` are removed and logged."""
        with suppress(OSError):  # on a full disk the report is worth more than its reason
            _reason_file(directory / name).write_text(reason, encoding="utf-8", errors="replace")
        path.rename(directory / name)
        aside = sorted(each.name for each in directory.iterdir() if each.suffix != ".reason")
        for old in aside[: max(0, len(aside) - MAX_ASIDE)]:
            _log.warning("%s was removed: %d newer ones lie there", directory / old, MAX_ASIDE)
            for each in (directory / old, _reason_file(directory / old)):
                with suppress(OSError):
                    each.unlink(missing_ok=True)

    def _remove_abandoned(self) -> None:
        now = time.time()
        for path in self._incoming.iterdir():
            with suppress(OSError):
                if now - path.stat().st_mtime > _ABANDONED_SECONDS:
                    path.unlink()


class _Round:
    """One delivery, by the process that holds the lock."""

    def __init__(
        self,
        spool: Spool,
        send: Callable[[Entry], Outcome],
        deadline: float,
        through: str | None,
    ) -> None:
        self._spool = spool
        self._send = send
        self._deadline = deadline
        self._through = through
        self._delivered = self._rejected = self._corrupt = 0

    def deliver(self) -> Delivery:
        """Send in order until the end, or what stops it; reports that others add meanwhile are sent, too."""
        while names := self._spool._names():
            for name in names:
                stopped = self._stopped() or self._deliver_one(name)
                if stopped is not None:
                    return self._result(*stopped)
                if name == self._through:
                    return self._result("", 0.0)
        return self._result("", 0.0)

    def _stopped(self) -> tuple[str, float] | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            return "there was no time for more", 0.0
        pause = self._spool.server.paused_for()
        if pause > left:
            return _asks_for(pause), pause
        time.sleep(pause)
        return None

    def _deliver_one(self, name: str) -> tuple[str, float] | None:
        """Send one report; why delivery stops here and for how long, or None where it goes on."""
        entry = self._spool._read(name)
        if entry is None:
            self._corrupt += (self._spool._corrupt / name).exists()
            return None
        try:
            outcome = self._send(entry)
        except OSError as error:
            outcome = unanswered(error)
        if outcome.verdict is Verdict.ACCEPTED:
            (self._spool._queue / name).unlink(missing_ok=True)
            self._delivered += 1
            return None
        if outcome.verdict is Verdict.REFUSED:
            aside = self._spool._rejected
            _log.error("a report was set aside in %s: %s", aside / name, outcome.reason)
            self._spool._aside(self._spool._queue / name, aside, name, outcome.reason)
            self._rejected += 1
            return None
        self._spool.server.pause(outcome.retry_after)
        self._spool.server.fail(outcome.reason)
        return outcome.reason, self._spool.server.paused_for()

    def _result(self, reason: str, pause: float) -> Delivery:
        left = len(self._spool._names())
        return Delivery(self._delivered, self._rejected, self._corrupt, left, reason, pause)


def _asks_for(pause: float) -> str:
    return f"the server asks for a pause of {pause:.0f} seconds"


def _reason_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.reason")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system without it keeps directories by itself
            raise
    finally:
        os.close(descriptor)
