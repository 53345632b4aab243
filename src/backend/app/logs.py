"""Structured logs on stderr: one event a line, its name static, its facts as fields."""

import logging
import sys
from typing import Any

import structlog
from structlog.typing import Processor

from app.config import Settings


def get_logger(name: str) -> Any:
    """A logger of structured events.

    In an agent's own process nobody calls `configure_logging`, and structlog alone would write among
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
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        last = [structlog.dev.ConsoleRenderer()]
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


def bind_task(task_id: str, task: str) -> None:
    """Put the task's id and name on every event until `unbind_task()`."""
    structlog.contextvars.bind_contextvars(task_id=task_id, task=task)


def unbind_task() -> None:
    """End what `bind_task` began."""
    structlog.contextvars.unbind_contextvars("task_id", "task")
