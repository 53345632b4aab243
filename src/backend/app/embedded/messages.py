"""What `runlog up` prints for the user who started it."""

import os
import sys
from pathlib import Path
from typing import TextIO


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line at once, by default on stderr; where its reader has closed it, the line is lost."""
    stream = stream or sys.stderr
    if stream is None:
        return
    try:
        print(text, file=stream, flush=True)
    except OSError:
        # The text left in its buffer would fail again at exit, and change the exit status.
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
