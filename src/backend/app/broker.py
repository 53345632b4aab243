"""How Celery talks to the broker: the same for the API that sends and the worker that receives."""

import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from celery import Celery
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.exceptions import ChannelError, OperationalError

from app.errors import ConfigError

SCORE_RUN = "app.tasks.rlhf_tasks.score_agent_run"

# In the order in which a worker serves them: no alert, audit or seal may wait behind a backlog of runs.
WORKER_QUEUES = _ALERTS, _AUDIT, _SCORING = ("runlog.alerts", "runlog.audit", "runlog")
URGENT_QUEUES = (_ALERTS, _AUDIT)

JUDGE_QUEUE = "runlog.judge"
"""Served by a process of its own, since a judge is slow."""

# A worker that was killed leaves its tasks unacknowledged; they are delivered again after this many
# seconds, which must exceed the longest task (`app.tasks.celery_app` limits tasks to less).
REDELIVERY_SECONDS = 120

_WORKER = "worker-"

_SCHEME = re.compile(r"(?:rediss?|redis\+socket|amqps?)://")
_SENTINEL = re.compile(r"sentinel(?:\+ssl)?://")


class AmqpQueue(Queue):
    """A replicated (quorum) queue, unless there is one of its name already.

    Celery serves a queue that is declared as quorum without a global prefetch count, which such a queue
    refuses; one of another type takes that as well.
    """

    def __init__(self, name: str = "", exchange: Any = None, routing_key: str = "", **options: Any) -> None:
        options["queue_arguments"] = {"x-queue-type": "quorum"}
        super().__init__(name, exchange, routing_key, **options)

    def queue_declare(self, nowait: bool = False, passive: bool = False, channel: Any = None) -> Any:
        """Declare it where there is none: declaring it with another type than it has is an error."""
        channel = channel or self.channel
        # A channel of its own, which the server closes where there is no such queue.
        with channel.connection.channel() as probe, suppress(ChannelError):
            return super().queue_declare(passive=True, channel=probe)
        return super().queue_declare(nowait, passive, channel)


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
        # A worker whose channel the server closes opens another, as with a connection.
        "broker_channel_error_retry": True,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_queues": _queues(broker_url),
        "task_default_queue": _SCORING,
        "task_routes": {
            f"app.tasks.{tasks}.*": {"queue": queue, "routing_key": queue}
            for tasks, queue in (
                ("alert_tasks", _ALERTS),
                ("judge_tasks", JUDGE_QUEUE),
                ("rlhf_tasks", _SCORING),
                ("backfill_tasks", _SCORING),
                ("reward_tasks", _SCORING),
                ("*", _AUDIT),
            )
        },
        "timezone": "UTC",
        "enable_utc": True,
    }


def _queues(broker_url: str) -> list[Any]:
    names = (*WORKER_QUEUES, JUDGE_QUEUE)
    if not broker_url.startswith("amqp"):
        return [Queue(name, exchange=name, routing_key=name) for name in names]
    return [AmqpQueue(name, exchange=name, routing_key=name) for name in names]


def node_name(*, judge: bool) -> str:
    """A name for a worker of this host, in Celery's format, that no other one has.

    A worker keeps a queue of its name to itself: RabbitMQ refuses a second one of the same name.
    """
    return f"{'judge-' if judge else _WORKER}{secrets.token_hex(4)}@%h"


def connect(broker_url: str, timeout: float) -> None:
    """Connect and hang up. Raises kombu's `OperationalError` or `OSError` after `timeout` seconds at most."""
    options = celery_settings(broker_url)
    with Connection(
        options["broker_url"],
        connect_timeout=options["broker_connection_timeout"],
        transport_options=options["broker_transport_options"],
    ) as connection:
        connection.ensure_connection(max_retries=1, timeout=timeout)


def worker_answers(broker_url: str, timeout: float) -> bool:
    """Whether a worker that scores runs answers within `timeout` seconds. Raises as `connect` does."""
    app = Celery("runlog", set_as_current=False)
    app.conf.update(celery_settings(broker_url))
    # Kombu's pool would ask by a connection of an earlier question, which may be lost.
    app.control.mailbox.producer_pool = None
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, timeout=timeout)
        try:
            return bool(
                app.control.broadcast(
                    "ping",
                    reply=True,
                    timeout=timeout,
                    limit=1,
                    pattern=f"{_WORKER}*",
                    matcher="glob",
                    connection=connection,
                )
            )
        except (*connection.connection_errors, *connection.channel_errors) as error:
            raise OperationalError(str(error)) from error


def are_waiting(app: Celery, queues: Sequence[str]) -> bool:
    """Whether the broker has messages of `queues` that no worker took; False where it does not answer."""
    with app.connection_or_acquire() as connection:
        try:
            for name in queues:
                with suppress(ChannelError):  # an empty queue need not exist
                    queue = app.amqp.queues[name].bind(connection.default_channel)
                    if queue.queue_declare(passive=True).message_count:
                        return True
        except (*connection.connection_errors, *connection.channel_errors, OperationalError):
            pass
    return False


def _check(url: str) -> None:
    if _SENTINEL.match(url):
        raise ConfigError(
            "CELERY_BROKER_URL: Redis Sentinel is not supported; give one address that leads to the primary"
            " (redis://), or several separated by ';'"
        )
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
