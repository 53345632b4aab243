"""Facts that wait on disk while the database is away, a file for each request.

A file is written whole, synced and renamed before it counts. Files are recorded in the order of their names,
by one process at a time; recording one twice changes nothing. One that cannot be read or recorded is set
aside under another name.
"""

import fcntl
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import msgspec
from sqlalchemy.exc import DBAPIError

from app.db.problems import is_refusal
from app.intake.domain.openclaw.facts import Fact
from app.logs import get_logger

MOST_FILES = 20_000
"""That wait: a gateway with a hundred jobs every minute for three hours."""

MOST_BYTES = 512 * 1024 * 1024
"""Of all of them."""

_WAITING, _UNREADABLE = ".json", ".unreadable"

log = get_logger(__name__)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Fact]).decode
_numbers = count()


class Spool:
    """The facts that wait in a directory, which is made when the first ones do."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, facts: Sequence[Fact]) -> None:
        """Keep `facts` until they are recorded. Raises `OSError` where they cannot be kept."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        sizes = [path.stat().st_size for path in self._files()]
        text = _encode(facts)
        if len(sizes) >= MOST_FILES or sum(sizes) + len(text) > MOST_BYTES:
            raise OSError("too many events of OpenClaw wait for the database")
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(_numbers)}"
        unfinished = self._directory / f"{name}.unfinished"
        with unfinished.open("xb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self._directory / f"{name}{_WAITING}")
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def waits(self) -> bool:
        """Whether anything waits."""
        return any(True for _ in self._files())

    async def drain(self, record: Callable[[Sequence[Fact]], Awaitable[object]]) -> int:
        """Have `record` record what waits, and delete it then; return how many files that were.

        0 while another process does so. Raises what `record` does; what it did not record waits on.
        """
        recorded = 0
        with self._locked() as is_ours:
            for path in sorted(self._files()) if is_ours else ():
                try:
                    facts = _decode(path.read_bytes())
                except (msgspec.MsgspecError, OSError, RecursionError) as error:
                    log.warning("openclaw_spool_unreadable", file=path.name, error=str(error))
                    path.rename(path.with_suffix(_UNREADABLE))
                    continue
                try:
                    await record(facts)
                except DBAPIError as error:
                    if not is_refusal(error):
                        raise
                    log.warning("openclaw_spool_refused", file=path.name)
                    path.rename(path.with_suffix(_UNREADABLE))
                    continue
                path.unlink(missing_ok=True)
                recorded += 1
        return recorded

    def _files(self) -> Iterator[Path]:
        return self._directory.glob(f"*{_WAITING}")

    @contextmanager
    def _locked(self) -> Iterator[bool]:
        if not self._directory.is_dir():
            yield False
            return
        with (self._directory / "lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
