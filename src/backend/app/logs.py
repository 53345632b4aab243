"""Structured logs on stderr: one event a line, its name static, its facts as fields, its secrets masked."""

import logging
import sys
import traceback
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor

from app.config import Settings
from app.kit.secrets import redact, redact_json

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
    handler = _Handler(sys.stderr)
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


class _Handler(logging.StreamHandler[TextIO]):
    """Renders what `get_logger` hands over; no other handler can."""


def _hand_over(logger: logging.Logger, name: str, event: EventDict) -> Any:
    """Leave the rendering to our handler, or render where another process's logging is in force."""
    if any(isinstance(handler, _Handler) for handler in logging.getLogger().handlers):
        return structlog.stdlib.ProcessorFormatter.wrap_for_formatter(logger, name, event)
    return _for_people(colors=False)(logger, name, mask_secrets(logger, name, _shorten(logger, name, event)))


def _shorten(_: Any, __: str, event: EventDict) -> EventDict:
    """Leave out what a person who watches knows: the day, and which module says it."""
    event["timestamp"] = f"{event['timestamp'][11:19]}Z"
    return {name: value for name, value in event.items() if name != "logger"}


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
        return "…"  # nobody can read what is nested so deep


def _write_traceback(stream: TextIO, error: ExcInfo) -> None:
    """A traceback for a terminal, without local variables, which may be secret."""
    stream.write("\n" + redact("".join(traceback.format_exception(*error))))


def bind_task(task_id: str, task: str) -> None:
    """Put the task's id and name on every event until `unbind_task()`."""
    structlog.contextvars.bind_contextvars(task_id=task_id, task=task)


def unbind_task() -> None:
    """End what `bind_task` began."""
    structlog.contextvars.unbind_contextvars("task_id", "task")
