"""What `runlog up` prints for the user who started it."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

_has_times = False


def add_times() -> None:
    """From now on begin each line on stderr with its time: where it is a log that is read later."""
    global _has_times
    _has_times = True


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line at once, by default on stderr; where its reader has closed it, the line is lost."""
    if stream is None and _has_times:
        text = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}"
    stream = stream or sys.stderr
    if stream is None:
        return
    try:
        print(text, file=stream, flush=True)
    except OSError:
        # The text left in its buffer would fail again at exit, and change the exit status.
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
