"""Commands as processes that begin with the product loaded: a copy is made in a tenth of the time of a start.

For tests of what a running command does. How one starts has tests of its own, with real starts.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

_LOADED = [
    "app.main",
    "app.cli.main",
    "app.cli.serve",
    "app.tasks.celery_app",
    "app.tasks.beat",
    "celery.worker",
]
# It has one thread and no connection, so that copies of it can be made at any time.
_processes = multiprocessing.get_context("forkserver")


@cache
def start_copying() -> None:
    """Start the process of which copies are made, for this one and all that are forked of it."""
    _processes.set_forkserver_preload(_LOADED)
    forkserver.ensure_running()
    # It would wait for that process, which is no child of what is forked.
    forkserver._forkserver.ensure_running = lambda: None


class CopiedProcess:
    """`runlog ARGUMENTS` in a copy of a process that has the product loaded; used as a `subprocess.Popen`.

    `environment` is all that it has, and its stderr goes to the end of the file `log`. Each directory of its
    PYTHONPATH may have a `sitecustomize.py`.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        start_copying()
        self._process: BaseProcess = _processes.Process(
            target=_run, args=(tuple(arguments), dict(environment), str(log))
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit status, or less the signal that ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Its exit status, as `returncode`."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended. Raises `subprocess.TimeoutExpired`."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("runlog", timeout or 0.0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def _run(arguments: Sequence[str], environment: Mapping[str, str], log: str) -> None:
    errors = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(errors, 2)
    os.close(errors)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    # uvicorn hands its descriptor on to the processes that it starts.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = os.fdopen(0, closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    for directory in environment.get("PYTHONPATH", "").split(os.pathsep):
        if (customize := Path(directory, "sitecustomize.py")).is_file():
            runpy.run_path(str(customize))
    sys.argv = ["runlog", *arguments]
    # The test that asked for the copy is not its parent, with which a server would have to end.
    multiprocessing.process._parent_process = None
    from app.cli.main import main

    main()
