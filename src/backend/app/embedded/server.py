"""What the embedded servers have in common: a directory, a log and a process in the foreground."""

import os
import subprocess
import time
from abc import abstractmethod
from collections.abc import Mapping
from importlib.util import find_spec
from itertools import chain, count
from pathlib import Path
from types import MappingProxyType

from app.embedded import log_files, process
from app.embedded.process import Child, EmbeddedServerError

# Seconds until requests succeed, with the recovery of what a killed server had not written.
START_TIMEOUT = 60.0
# Seconds until SIGKILL; PostgreSQL writes a checkpoint before it ends.
STOP_TIMEOUT = 30.0
# Seconds that a server of a killed parent has to end, as PR_SET_PDEATHSIG asks it to.
LEFTOVER_TIMEOUT = 20.0
# A file in a server's directory: the server has data, and is to be given a new password before it starts.
NEW_PASSWORD = "new-password"  # noqa: S105  # a name
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class Server(Child):
    """A server that owns `directory` and ends when the thread that started it ends."""

    program: str

    def __init__(
        self, directory: Path, *, password: str, port: int, settings: Mapping[str, str] = NO_SETTINGS
    ) -> None:
        self.directory = directory.absolute()
        self.password = password
        self.port = port
        self.settings = settings
        self.log = self.directory / "server.log"

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect, password included."""

    @property
    def data(self) -> Path:
        """The server's working directory."""
        return self.directory / "data"

    def start(self) -> None:
        """Launch, and return when requests succeed. Raises as `launch` and `is_ready` do."""
        self.launch()
        try:
            self._wait_until_ready(time.monotonic() + START_TIMEOUT)
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """Start without waiting until it is ready; from the main thread.

        Raises `EmbeddedServerError` with the end of the server's log.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            process.wait_until_none_in(self.data, self.program, LEFTOVER_TIMEOUT)
            log_files.bound(self.log)
            self.log.touch(mode=0o600)
            self._prepare()
            self._process = self._launch()
        except (OSError, subprocess.SubprocessError) as error:
            raise EmbeddedServerError(f"{self.name} could not be started: {error}") from error

    def is_ready(self) -> bool:
        """Whether requests succeed. Raises `EmbeddedServerError` when the server has ended."""
        if self.poll() is not None:
            raise self._failure(f"{self.name} ended with status {self.poll()}")
        return self._answers()

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Shut down cleanly, with SIGKILL as the last resort after `timeout` seconds."""
        self.terminate()
        self.finish(timeout)

    @abstractmethod
    def _prepare(self) -> None:
        """Make the data directory ready for a start."""

    @abstractmethod
    def _launch(self) -> subprocess.Popen[bytes]:
        """Start the process."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the running server accepts requests."""

    def _wait_until_ready(self, deadline: float) -> None:
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise self._failure(f"{self.name} was not ready after {START_TIMEOUT:.0f} s")
            time.sleep(0.01)

    def _failure(self, what: str) -> EmbeddedServerError:
        return process.failure(what, self.log)


def free_name(path: Path) -> Path:
    """`path`, or with the first number behind it that gives a name of no file yet."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(each for each in chain([path], numbered) if not each.exists())


def environment() -> dict[str, str]:
    """Our environment without what would configure a PostgreSQL server or client, and in plain English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return {**kept, "LC_ALL": "C"}


def package_directory(package: str) -> Path:
    """Where an installed package lies, without importing it. Raises `EmbeddedServerError` if missing."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(f"the Python package {package} is not installed")
    return Path(spec.origin).parent
