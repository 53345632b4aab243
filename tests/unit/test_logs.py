"""Logging never waits for who reads stderr, says what it leaves out, and shows no secret."""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import Settings
from app.logs import MOST_OF_AN_EVENT, ThreadedHandler, configure_logging, get_logger


class Slow:
    """A stream that is not read until `read` is set."""

    def __init__(self) -> None:
        self.read = threading.Event()
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        self.read.wait(60)
        self.lines.append(line)

    def flush(self) -> None:
        """Nothing is kept back."""


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:], _ = before, root.setLevel(level)


def test_a_stream_that_is_not_read_keeps_nobody_waiting_and_what_is_lost_is_counted() -> None:
    stream = Slow()
    handler = ThreadedHandler(stream, most_waiting=10)  # type: ignore[arg-type]
    for number in range(100):
        handler.emit(logging.LogRecord("agent", logging.INFO, "", 0, f"event {number}", None, None))
    stream.read.set()
    handler.flush()
    while not any("log_lines_left_out" in line for line in stream.lines):
        threading.Event().wait(0.05)
    assert 10 <= sum(line.startswith("event ") for line in stream.lines) <= 12


def test_an_event_that_comes_too_often_is_counted(tmp_path: Path) -> None:
    stderr = tmp_path / "stderr"
    with stderr.open("w") as stream, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", stream)
        configure_logging(Settings(log_format="json"))
        log = get_logger("agent")
        for _ in range(20 * MOST_OF_AN_EVENT):
            log.warning("invalid_http_request")
        log.warning("something_else", password="hunter2hunter2")
        while "log_lines_left_out" not in stderr.read_text():
            threading.Event().wait(0.05)
        logging.getLogger().handlers[0].flush()
    shown = stderr.read_text()
    lines = [json.loads(line) for line in shown.splitlines()]
    events = [line["event"] for line in lines]
    assert 0 < events.count("invalid_http_request") < 20 * MOST_OF_AN_EVENT
    assert events.count("something_else") == 1
    left_out = sum(line["lines"] for line in lines if line["event"] == "log_lines_left_out")
    assert left_out > 0
    assert "hunter2hunter2" not in shown


def test_a_forked_process_writes_with_a_thread_of_its_own() -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        handler = ThreadedHandler(stream)
        handler.emit(logging.LogRecord("agent", logging.INFO, "", 0, "parent", None, None))
        handler.flush()
        if (child := os.fork()) == 0:
            handler.emit(logging.LogRecord("agent", logging.INFO, "", 0, "child", None, None))
            handler.flush()
            os._exit(0)
        os.waitpid(child, 0)
    with os.fdopen(read) as lines:
        assert lines.read().split() == ["parent", "child"]


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
