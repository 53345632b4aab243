"""Structured logs on stderr: one event a line, its name static, its facts as fields, its secrets masked.

A caller that logs never waits: a thread writes the lines. Where stderr takes them too slowly, or one event
comes too often, lines are left out, and one line says how many.
"""

import json
import logging
import os
import sys
import threading
import time
import traceback
import weakref
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor

from app.config import Settings
from app.kit.secrets import redact, redact_json

MOST_WAITING_LINES = 10_000
"""Lines that wait for stderr, some megabytes."""

MOST_OF_AN_EVENT = 50
"""Lines of one event of a logger in a second: what clients do wrong, they may do thousands of times."""

_CLOSING_SECONDS = 2.0  # for which a process that ends waits for its lines to be written

# What every event gets, ours or a library's.
_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def get_logger(name: str) -> Any:
    """A logger of structured events.

    In an agent's own process and in short commands `configure_logging` is not called, and structlog alone
    would write to stdout, with the local variables of tracebacks: through the standard library our warnings
    go to stderr, as those of `configure_logging` look on a terminal.
    """
    return structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, *_SHARED, _hand_over],
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def configure_logging(settings: Settings) -> None:
    """Send our events and the libraries' through one renderer: JSON, or colour on a terminal."""
    to_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    if to_json:
        last: list[Processor] = [
            structlog.processors.format_exc_info,
            mask_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        last = [_shorten, mask_secrets, _for_people(colors=sys.stderr.isatty())]
    handler = ThreadedHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("uvicorn.access", "celery.worker.strategy", "celery.app.trace", "celery.beat"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    for indiscreet in ("httpx", "httpcore", "urllib3"):  # they log URLs, which hold secrets
        logging.getLogger(indiscreet).setLevel(logging.CRITICAL)
    for propagating in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(propagating)
        logger.handlers[:] = []
        logger.propagate = True


class ThreadedHandler(logging.Handler):
    """Writes lines to `stream` from a thread of its own, at most `most_waiting` of which may wait.

    It renders what `get_logger` hands over; no other handler can.
    """

    def __init__(self, stream: TextIO, most_waiting: int = MOST_WAITING_LINES) -> None:
        super().__init__()
        self._stream = stream
        self._most_waiting = most_waiting
        self._second = 0
        self._begin()
        os.register_at_fork(
            before=_weakly(self._pause),
            after_in_parent=_weakly(self._go_on),
            after_in_child=_weakly(self._begin),
        )

    def _begin(self) -> None:
        """Without a thread, as in a process that was forked just now."""
        self._lines: deque[str] = deque()
        self._writing = threading.Lock()
        self._paused = False
        self._written = threading.Event()
        self._work = threading.Event()
        self._seen: Counter[tuple[str, str]] = Counter()
        self._left_out: Counter[tuple[str, str]] = Counter()
        self._tell = False  # what was left out, before the second is over
        self._thread: threading.Thread | None = None

    def _pause(self) -> None:
        """Before a fork: the stream must not be in use then, or the new process could never write to it."""
        self._paused = self._writing.acquire(timeout=_CLOSING_SECONDS)

    def _go_on(self) -> None:
        if self._paused:
            self._writing.release()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record's line, or count it where there are too many."""
        event = record.msg.get("event", "") if isinstance(record.msg, Mapping) else record.msg
        kind = record.name, str(event)[:200]
        if (second := int(time.monotonic())) != self._second:
            self._second = second
            self._seen.clear()
        self._seen[kind] += 1
        if self._seen[kind] > MOST_OF_AN_EVENT or len(self._lines) >= self._most_waiting:
            self._left_out[kind] += 1
        else:
            try:
                self._lines.append(self.format(record))
            except Exception:  # noqa: BLE001  # as the standard library's handlers do
                self.handleError(record)
        self._start()

    def _start(self) -> None:
        self._written.clear()
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_on, name="log-writer", daemon=True)
            self._thread.start()
        self._work.set()

    def _write_on(self) -> None:
        while True:
            # What was left out is logged once a second, not line by line.
            self._work.wait(1.0 if self._left_out else None)
            self._work.clear()
            tell, self._tell = self._tell or int(time.monotonic()) != self._second, False
            self._write(tell=tell)

    def _write(self, *, tell: bool) -> None:
        try:
            while self._lines:
                self._put(self._lines.popleft())
            if tell:
                while self._left_out:
                    (name, event), count = self._left_out.popitem()
                    fields = {"event": "log_lines_left_out", "of": event, "lines": count}
                    self._put(self.format(_warning(name, fields)))
        except (OSError, ValueError):
            self._lines.clear()  # they have no reader any more
        if not self._lines:
            self._written.set()

    def _put(self, line: str) -> None:
        with self._writing:
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def flush(self) -> None:
        """Wait for a moment until all lines are written; a process that ends does."""
        if self._thread is not None:
            self._tell = True
            self._written.clear()
            self._work.set()
            self._written.wait(_CLOSING_SECONDS)


def _warning(name: str, fields: EventDict) -> logging.LogRecord:
    record = logging.LogRecord(name, logging.WARNING, "", 0, fields, None, None)
    record.__dict__.update({"_logger": None, "_name": "warning"})
    return record


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    """`method` as long as its object lives."""
    reference = weakref.WeakMethod(method)

    def call() -> None:
        if found := reference():
            found()

    return call


def _hand_over(logger: logging.Logger, name: str, event: EventDict) -> Any:
    """Leave the rendering to our handler, or render where another process's logging is in force."""
    if any(isinstance(handler, ThreadedHandler) for handler in logging.getLogger().handlers):
        return structlog.stdlib.ProcessorFormatter.wrap_for_formatter(logger, name, event)
    return _for_people(colors=False)(logger, name, mask_secrets(logger, name, _shorten(logger, name, event)))


def _shorten(_: Any, __: str, event: EventDict) -> EventDict:
    """Leave out what a person who watches knows: the day, and which module says it."""
    event["timestamp"] = f"{event['timestamp'][11:19]}Z"
    return {name: value for name, value in event.items() if name != "logger"}


def line_for_people(line: str) -> str:
    """A line that was logged as JSON, as it would look on a terminal; any other as it is."""
    try:
        event = json.loads(line)
        return str(_for_people(colors=False)(None, "", _shorten(None, "", event)))
    except (ValueError, TypeError, LookupError):
        return line


def _for_people(*, colors: bool) -> structlog.dev.ConsoleRenderer:
    """One short line an event."""
    return structlog.dev.ConsoleRenderer(
        colors=colors, pad_event_to=0, pad_level=False, exception_formatter=_write_traceback
    )


def mask_secrets(_: Any, __: str, event: EventDict) -> EventDict:
    """A processor that masks secrets in every field, be it ours or a library's."""
    return {name: _masked(name, value) for name, value in event.items()}


def _masked(name: str, value: object) -> object:
    if not isinstance(value, str | Mapping | list):
        return value
    try:
        return redact_json(value, name)
    except RecursionError:
        return "…"  # nested too deep to be read


def _write_traceback(stream: TextIO, error: ExcInfo) -> None:
    """A traceback for a terminal, without local variables, which may be secret."""
    stream.write("\n" + redact("".join(traceback.format_exception(*error))))


def bind_task(task_id: str, task: str) -> None:
    """Put the task's id and name on every event until `unbind_task()`."""
    structlog.contextvars.bind_contextvars(task_id=task_id, task=task)


def unbind_task() -> None:
    """End what `bind_task` began."""
    structlog.contextvars.unbind_contextvars("task_id", "task")
