"""How Celery talks to the broker: the same for the API that sends and the worker that receives."""

import re
from typing import Any
from urllib.parse import urlsplit

from app.errors import ConfigError

SCORE_RUN = "app.tasks.rlhf_tasks.score_agent_run"

# In the order in which a worker serves them: no alert and no audit may wait behind a backlog of runs.
_QUEUES = _ALERTS, _AUDIT, _SCORING = ("runlog.alerts", "runlog.audit", "runlog")

JUDGE_QUEUE = "runlog.judge"
"""Served by a process of its own, since a judge is slow."""

# A worker that was killed leaves its tasks unacknowledged; they are delivered again after this many
# seconds, which must exceed the longest task (`app.tasks.celery_app` limits tasks to less).
REDELIVERY_SECONDS = 120

_SCHEME = re.compile(r"(?:rediss?|redis\+socket|sentinel|amqps?)://")


def celery_settings(broker_url: str) -> dict[str, Any]:
    """Celery's configuration for `broker_url` (`redis://`, `rediss://` or `amqp://`).

    Raises `ConfigError` when it is no such URL.
    """
    for url in broker_url.split(";"):  # Celery takes several, to fail over
        _check(url)
    return {
        "broker_url": broker_url,
        "broker_transport_options": _transport_options(broker_url),
        "broker_connection_timeout": 2,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_queues": {name: {"exchange": name, "routing_key": name} for name in _QUEUES},
        "task_default_queue": _SCORING,
        "task_routes": {
            "app.tasks.alert_tasks.*": {"queue": _ALERTS, "routing_key": _ALERTS},
            "app.tasks.audit_tasks.*": {"queue": _AUDIT, "routing_key": _AUDIT},
            "app.tasks.rollup_tasks.*": {"queue": _AUDIT, "routing_key": _AUDIT},
            "app.tasks.judge_tasks.*": {"queue": JUDGE_QUEUE, "routing_key": JUDGE_QUEUE},
        },
        "timezone": "UTC",
        "enable_utc": True,
    }


def _check(url: str) -> None:
    if not _SCHEME.match(url):
        raise ConfigError("CELERY_BROKER_URL must start with redis://, rediss:// or amqp://")
    try:
        urlsplit(url).port  # noqa: B018  # parsed when it is asked for
    except ValueError as error:
        raise ConfigError(f"CELERY_BROKER_URL: {error}") from error


def _transport_options(broker_url: str) -> dict[str, Any]:
    if broker_url.startswith("amqp"):
        return {"confirm_publish": True}
    return {
        "queue_order_strategy": "priority",
        "visibility_timeout": REDELIVERY_SECONDS,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 2,
        "socket_timeout": 10,
    }
