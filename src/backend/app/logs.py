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


def get_logger(name: str) -> Any:
    """A logger of structured events.

    In an agent's own process `configure_logging` is not called, and structlog alone would write among
    the agent's output on stdout: through the standard library its warnings go to stderr.
    """
    return structlog.wrap_logger(logging.getLogger(name))


def configure_logging(settings: Settings) -> None:
    """Send our events and the libraries' through one renderer: JSON, or colour on a terminal."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    to_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    if to_json:
        last: list[Processor] = [
            structlog.processors.format_exc_info,
            mask_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        last = [mask_secrets, structlog.dev.ConsoleRenderer(exception_formatter=_write_traceback)]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
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
