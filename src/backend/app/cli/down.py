"""`runlog down`: stop what `runlog up` runs, also where its own process was killed."""

import os
import signal
from pathlib import Path

import psutil
import typer

from app.embedded.data_dir import DataDirectory
from app.embedded.parts import Part, Published, read_parts
from app.embedded.process import is_alive, processes_in
from app.embedded.waiting import comes_true
from app.environment import one_data_dir
from app.errors import RunLogError

# In seconds: `runlog up` gives each of its five parts 20 to end.
_STOP_TIMEOUT = 120.0
# In seconds: the system ends the parts of a `runlog up` that was killed, and the API answers for 10 more.
_LEFTOVER_TIMEOUT = 20.0
# In seconds, between the start that was noted and the one that the system knows.
_SAME_START = 10.0


def down(data_dir: Path | None) -> None:
    """Ask `runlog up` to stop, and return when nothing of it runs. Raises `RunLogError` where that fails."""
    directory = DataDirectory(one_data_dir(data_dir))
    published = read_parts(directory.path)
    if pid := directory.holder():
        _stop(pid, directory)
    left = _leftovers(directory, published)
    if left and not comes_true(lambda: not _leftovers(directory, published), _LEFTOVER_TIMEOUT):
        _kill(_leftovers(directory, published))
        if not comes_true(lambda: not _leftovers(directory, published), _LEFTOVER_TIMEOUT):
            pids = ", ".join(map(str, _leftovers(directory, published)))
            raise RunLogError(f"processes {pids} of the `runlog up` on {directory.path} do not end")
    if directory.holder() is None:  # else another one has been started meanwhile
        directory.withdraw()
    if pid:
        typer.echo(f"stopped the `runlog up` on {directory.path}")
    elif published:
        typer.echo(f"the `runlog up` on {directory.path} had been killed: nothing of it is left")
    else:
        typer.echo(f"no `runlog up` is running on {directory.path}")


def _stop(pid: int, directory: DataDirectory) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise RunLogError(f"the `runlog up` on {directory.path} (process {pid}) is another user's") from error
    if not comes_true(lambda: directory.holder() != pid, _STOP_TIMEOUT):
        raise RunLogError(
            f"process {pid} has not ended after {_STOP_TIMEOUT:.0f} s: see `runlog logs`; `kill -9 {pid}`,"
            " then `runlog down` again, ends it without waiting"
        )


def _leftovers(directory: DataDirectory, published: Published | None) -> list[int]:
    """What runs of the parts that were published, and the servers on the directory."""
    servers = [
        pid
        for server, program in (("postgres", "postgres"), ("valkey", "valkey-server"))
        for pid in processes_in((directory.path / server / "data").resolve(), program)
    ]
    parts = published.parts if published else ()
    return sorted({*servers, *(part.pid for part in parts if _runs(part))})


def _runs(part: Part) -> bool:
    """Whether the part's process is there, and not another one that has its number by now."""
    try:
        process = psutil.Process(part.pid)
        is_the_same = abs(process.create_time() - part.since) < _SAME_START
        return is_the_same and is_alive(process)
    except psutil.NoSuchProcess:
        return False


def _kill(pids: list[int]) -> None:
    for pid in pids:
        try:
            # Each part leads a session of its own, with its children.
            os.killpg(os.getpgid(pid), signal.SIGKILL)
        except ProcessLookupError:
            continue
        except PermissionError as error:
            raise RunLogError(f"process {pid} is another user's") from error
