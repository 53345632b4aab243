"""What our events look like in a process whose logging is not ours."""

import subprocess
import sys

_CODE = """
from app.logs import get_logger

def connect(password):
    try:
        raise ValueError("refused")
    except ValueError as error:
        get_logger("app.test").warning("tried", url="postgresql://u:hunter2222@h/db", exc_info=error)

connect("local-variable")
"""


def test_a_traceback_shows_no_local_variable_and_no_secret() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "[warning] tried url=postgresql://u:[redacted]@h/db" in done.stderr
    assert "ValueError: refused" in done.stderr
    assert "local-variable'" not in done.stderr
    assert "hunter2222" not in done.stderr
