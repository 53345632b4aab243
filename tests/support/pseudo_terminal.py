"""Commands on a terminal, of which tests read what a person would see."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

from support.processes import RUNLOG

_STYLES = re.compile(r"\x1b\[[0-9;]*m")


def shown_on_terminal(*arguments: str, columns: int) -> list[str]:
    """The lines, without their styles, that `runlog ARGUMENTS` writes to a terminal of so many columns."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [*RUNLOG, *arguments],
        env={**env, "TERM": "xterm"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    found = b""
    try:
        while read := os.read(controller, 65536):
            found += read
    except OSError:
        pass  # its end, as Linux reports it
    finally:
        os.close(controller)
        process.wait()
    return _STYLES.sub("", found.decode()).replace("\r\n", "\n").splitlines()
