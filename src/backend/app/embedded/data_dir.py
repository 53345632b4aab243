"""The directory of one `runlog up`: its lock, its credentials and ports, and how others find it."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from app.embedded.ports import becomes_free, free_port
from app.environment import RUNTIME_FILE
from app.errors import RunLogError

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

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make and lock the directory. Raises `RunLogError` when another process has the lock."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise RunLogError(f"cannot use the data directory {self.path}: {error.strerror}") from error
        with os.fdopen(descriptor, "wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RunLogError(f"another `runlog up` is running on {self.path}") from error
            yield

    def server_state(self, name: str) -> ServerState:
        """The password and the port of the server `name`, the same at every start while the port is free.

        Raises `RunLogError` when the file that keeps them is damaged.
        """
        path = self.path / f"{name}.json"
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            password, port = str(kept["password"]), int(kept["port"])
        except FileNotFoundError:
            password, port = secrets.token_urlsafe(24), free_port()
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RunLogError(f"cannot read {path}: {error!r}") from error
        becomes_free(port, timeout=self.port_timeout)
        state = ServerState(password=password, port=free_port(port))
        _write(path, state)
        return state

    @property
    def port_timeout(self) -> float:
        """Seconds that a port may stay taken by children of a killed `runlog up`, which are ending too."""
        return _PORT_TIMEOUT if (self.path / RUNTIME_FILE).exists() else 0.0

    def publish(self, *, database_url: str, celery_broker_url: str, url: str) -> None:
        """Let the other commands find this process."""
        found = {"database_url": database_url, "celery_broker_url": celery_broker_url, "url": url}
        _write(self.path / RUNTIME_FILE, {"pid": os.getpid(), **found})

    def withdraw(self) -> None:
        """Undo `publish`."""
        (self.path / RUNTIME_FILE).unlink(missing_ok=True)


def _write(path: Path, content: Mapping[str, object]) -> None:
    """Replace a file that only we may read, whole or not at all. Raises `RunLogError`."""
    new = path.with_suffix(".new")
    try:
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise RunLogError(f"cannot write {path}: {error.strerror}") from error
