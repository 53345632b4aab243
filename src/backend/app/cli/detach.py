"""`runlog up --detach`: start it in the background, and wait until it is ready."""

import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import typer

from app.cli.up import checked_settings
from app.embedded.data_dir import DataDirectory
from app.errors import RunLogError

# In seconds, for servers, schema, API and worker together on a busy machine.
_READY_TIMEOUT = 300.0
_ERROR = "runlog: "


def up(host: str, port: int | None, data_dir: Path | None, workers: int) -> None:
    """Start `runlog up` in a session of its own, print its URL when it is ready, and leave it running.

    Raises `RunLogError` with its own reason where it ends before; ends it where this is interrupted.
    """
    directory = DataDirectory(checked_settings(data_dir).data_dir)
    directory.make()
    options = ["--host", host, "--workers", str(workers), *(["--port", str(port)] if port else [])]
    try:
        descriptor = os.open(directory.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as log:
            start = log.tell()
            process = subprocess.Popen(
                # -P: a package `app` in the working directory is not ours.
                [sys.executable, "-P", "-m", "app.cli.main", "up", "--data-dir", directory.path, *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
    except OSError as error:
        raise RunLogError(f"cannot start in the background: {error}") from error
    try:
        ready = _wait_for_line(process.stdout)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise typer.Exit(130) from None
    if not ready:
        raise RunLogError(_why_not_ready(process, directory, start))
    typer.echo(ready)
    typer.echo(f"It runs in the background, on {directory.path}: `runlog status`, `logs`, `down`", err=True)


def _wait_for_line(stream: IO[bytes] | None) -> str:
    """The first line of the pipe; an empty text where it was closed without one, or the time is over."""
    assert stream is not None  # noqa: S101  # it is a pipe
    deadline, found = time.monotonic() + _READY_TIMEOUT, b""
    while not found.endswith(b"\n"):
        readable, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
        if not readable or not (read := os.read(stream.fileno(), 4096)):
            return ""
        found += read
    return found.decode().strip()


def _why_not_ready(process: "subprocess.Popen[bytes]", directory: DataDirectory, start: int) -> str:
    """What the log says since byte `start`."""
    try:
        process.wait(1)
    except subprocess.TimeoutExpired:
        return (
            f"not ready after {_READY_TIMEOUT:.0f} s; it goes on trying: see `runlog status` and"
            " `runlog logs`, or stop it with `runlog down`"
        )
    with directory.log.open("rb") as log:
        log.seek(start)
        said = log.read().decode("utf-8", "replace").splitlines()
    errors = [line.removeprefix(_ERROR) for line in said if line.startswith(_ERROR)]
    if errors:
        return errors[-1]
    ended = f"it ended with status {process.returncode} before it was ready"
    return f"{ended}; the end of {directory.log} is: {' | '.join(said[-5:])}"
