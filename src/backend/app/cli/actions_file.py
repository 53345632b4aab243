"""The file in which a command leaves what it did, for `runlog exec` to report."""

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from app.cli.actions import read_actions
from app.cli.command_output import PRINTED_BYTES, plain
from app.kit.strict_json import StrictJSONError

VARIABLE = "RUNLOG_ACTIONS_FILE"
_PREFIX = "runlog-exec-"
# Of a file that holds no object; as much as is kept of a command's output.
_BEGINNING_BYTES = 2000


class ActionsFile:
    """The path that `env` names, or one of our own in a new private directory, for the time of the block.

    A path that another `runlog exec` made is for that one's command, not for ours.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        given = env.get(VARIABLE)
        self._own: Path | None = None
        self.path = Path(given) if given and not is_within_exec(env) else None
        self._before = _identity(self.path)

    def __enter__(self) -> Self:
        if self.path is None:
            try:
                self._own = Path(tempfile.mkdtemp(prefix=_PREFIX))
            except OSError:
                return self  # a full disk keeps no command from running
            self.path = self._own / "actions.json"
        return self

    def __exit__(self, *_: object) -> None:
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)

    def read(self) -> dict[str, Any] | None:
        """The JSON object that was written into it since; None where nothing was.

        Raises `ValueError` saying why it cannot be used.
        """
        now = _identity(self.path)
        if self.path is None or now is None or now == self._before:
            return None
        try:
            text = _read(self.path, PRINTED_BYTES + 1)
        except OSError as error:
            raise ValueError(error.strerror or str(error)) from error
        if len(text) > PRINTED_BYTES:
            raise ValueError(f"it is longer than {PRINTED_BYTES // 1024} KiB")
        try:
            return read_actions(text) if text.strip() else None
        except StrictJSONError as error:
            raise ValueError(str(error)) from error

    def beginning(self) -> str:
        """The beginning of what is in it, as text; empty where it cannot be read."""
        try:
            return "" if self.path is None else plain(_read(self.path, _BEGINNING_BYTES))
        except OSError:
            return ""


def _read(path: Path, length: int) -> bytes:
    """The beginning of a file. Raises `OSError`, also where it is something else, such as a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would keep us
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is no file")
        return file.read(length)


def is_within_exec(env: Mapping[str, str]) -> bool:
    """Whether `env` is that of a command which `runlog exec` runs."""
    return Path(env.get(VARIABLE, "")).parent.name.startswith(_PREFIX)


def _identity(path: Path | None) -> tuple[int, int, int] | None:
    """What changes when a file is written; None where there is none."""
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return None if found is None else (found.st_ino, found.st_mtime_ns, found.st_size)
