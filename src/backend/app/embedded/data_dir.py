"""The directory of one `runlog up`: its lock, its credentials and ports, and how others find it."""

import fcntl
import hashlib
import json
import os
import pwd
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, TypedDict

from app.embedded.messages import say
from app.embedded.parts import PARTS_FILE, Part, Published
from app.embedded.ports import becomes_free, free_port
from app.embedded.server import NEW_PASSWORD, free_name
from app.environment import RUNNING, RUNTIME_FILE, default_data_dir, read_runtime
from app.errors import RunLogError
from app.private_files import write_private

LOCK_FILE = "lock"
# Seconds: a command that looks who has the lock has it itself for a moment.
_LOCK_TIMEOUT = 0.5
# In seconds: `runlog serve` gives open requests 10 to end.
_PORT_TIMEOUT = 15.0


class ServerState(TypedDict):
    """What an embedded server keeps from start to start."""

    password: str
    port: int


class DataDirectory:
    """The data directory at `path`, for the process that has locked it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.log = self.path / "up.log"
        """What `runlog up --detach` writes to."""
        self._since = time.time()
        name = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        self._link = default_data_dir() / RUNNING / name

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make and lock the directory. Raises `RunLogError` when another process has it, or another user."""
        self.make()
        try:
            descriptor = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        with os.fdopen(descriptor, "wb") as lock:
            # A copy of this process must not have the lock for longer than this one.
            os.register_at_fork(after_in_child=lock.close)
            deadline = time.monotonic() + _LOCK_TIMEOUT
            while not _is_locked(lock, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise RunLogError(f"another `runlog up` is running on {self.path}")
                time.sleep(0.05)
            lock.truncate()
            lock.write(str(os.getpid()).encode())
            lock.flush()
            yield

    def make(self) -> None:
        """Make the directory where there is none. Raises `RunLogError` where we cannot use it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._refuse_of_other_user()
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> RunLogError:
        why = f"{error.strerror}; RUNLOG_DATA_DIR chooses another one"
        return RunLogError(f"cannot use the data directory {self.path}: {why}")

    def holder(self) -> int | None:
        """The process id of the `runlog up` that runs here, be it ready or not; None where none does.

        Raises `RunLogError` where we may not look.
        """
        try:
            with (self.path / LOCK_FILE).open("rb") as lock:
                while not _is_locked(lock, fcntl.LOCK_SH):
                    if pid := lock.read():
                        return int(pid)
                    time.sleep(0.05)  # it writes its process id now
                    lock.seek(0)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            raise self._unusable(error) from error
        return None

    def _refuse_of_other_user(self) -> None:
        """Raise `RunLogError` where another user's `runlog up` made the files: we would lock that one out."""
        for path in (self.path / LOCK_FILE, self.path / "postgres.json", self.path / "valkey.json"):
            try:
                owner = path.stat().st_uid
            except FileNotFoundError:
                continue
            except PermissionError:
                owner = self.path.stat().st_uid
            if owner != os.geteuid():
                raise RunLogError(
                    f"the data directory {self.path} belongs to the user {_user_name(owner)}, and this is"
                    f" {_user_name(os.geteuid())}: start as that user, or choose another one with --data-dir"
                )

    def server_state(self, name: str) -> ServerState:
        """The password and the port of the server `name`, the same at every start while the port is free.

        Where the file that keeps them is lost, or damaged and then set aside, both are new, and a server that
        has data is marked to be given the password. Raises `RunLogError` where a file cannot be used.
        """
        path = self.path / f"{name}.json"
        try:
            state = _read_state(path) or self._new_state(name)
        except OSError as error:
            raise RunLogError(f"cannot use {path}: {error.strerror}") from error
        becomes_free(state["port"], timeout=self.port_timeout)
        state["port"] = free_port(state["port"])
        _write(path, state)
        return state

    def _new_state(self, name: str) -> ServerState:
        if (self.path / name / "data").exists():
            # Before the password is kept: what ends here is done again.
            (self.path / name / NEW_PASSWORD).touch(mode=0o600)
        return ServerState(password=secrets.token_urlsafe(24), port=free_port())

    @property
    def port_timeout(self) -> float:
        """Seconds that a port may stay taken by children of a killed `runlog up`, which are ending too."""
        return _PORT_TIMEOUT if (self.path / RUNTIME_FILE).exists() else 0.0

    def new_metrics(self) -> Path:
        """An empty directory in which the parts of this `runlog up` count together."""
        path = self.path / "metrics"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        return path

    def publish(self, *, database_url: str, celery_broker_url: str, url: str) -> None:
        """Let the other commands find this process."""
        found = {"database_url": database_url, "celery_broker_url": celery_broker_url, "url": url}
        _write(self.path / RUNTIME_FILE, {"pid": os.getpid(), **found})
        if self.path == default_data_dir().absolute():
            return
        try:
            _link_to(self.path, self._link)
        except OSError as error:
            say(
                f"other commands find this only with RUNLOG_DATA_DIR={self.path}, for {self._link} cannot be"
                f" made: {error.strerror}"
            )

    def publish_parts(self, parts: Sequence[Part]) -> None:
        """Let `runlog status` know the parts of this process, and `runlog down` what to wait for."""
        log = str(self.log) if self.is_logged_here() else None
        published = Published(os.getpid(), self._since, version("agent-run-log"), log, parts)
        _write(self.path / PARTS_FILE, published.to_json())

    def is_logged_here(self) -> bool:
        """Whether our stderr is the log of this directory."""
        try:
            return os.path.samestat(os.fstat(2), self.log.stat())
        except OSError:
            return False

    def withdraw(self) -> None:
        """Undo `publish` and `publish_parts`."""
        for name in (RUNTIME_FILE, PARTS_FILE):
            (self.path / name).unlink(missing_ok=True)
        with suppress(OSError):  # there is none where it could not be made either
            self._link.unlink()


def _is_locked(lock: BinaryIO, kind: int) -> bool:
    """Lock the file if no other process has a lock in the way; returns whether."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _link_to(directory: Path, link: Path) -> None:
    """Make or replace `link`, and remove those beside it whose `runlog up` was killed. Raises `OSError`."""
    link.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for each in link.parent.iterdir():
        if each.is_symlink() and (each == link or not read_runtime(each)):
            each.unlink(missing_ok=True)
    link.symlink_to(directory)


def _read_state(path: Path) -> ServerState | None:
    """What `path` keeps; None where there is no such file, or a damaged one, which is set aside."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        state = ServerState(password=str(kept["password"]), port=int(kept["port"]))
        if state["password"] and state["port"] in range(1, 2**16):
            return state
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        pass
    aside = free_name(path.with_name(f"{path.name}.damaged"))
    path.rename(aside)
    say(f"{path} is damaged: moved to {aside}, and made again")
    return None


def _write(path: Path, content: Mapping[str, object]) -> None:
    """Replace a file of this directory. Raises `RunLogError`."""
    try:
        write_private(path, json.dumps(content))
    except OSError as error:
        raise RunLogError(f"cannot write {path}: {error.strerror}") from error
