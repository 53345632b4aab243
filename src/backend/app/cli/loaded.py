"""What the services of `runlog up` are copies of: it has loaded what they need (decision 38)."""

import gc
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module

from app.config import get_settings
from app.embedded.process import name_process
from app.environment import METRICS_DIRECTORY

# What the services load when they start, and each of their processes with its first work.
_MODULES = (
    "app.cli.celery",
    "app.cli.schema",
    "app.cli.serve",
    "app.main",
    "app.api.http_protocol",
    "app.tasks.beat",
    "app.tasks.consumer",
    "celery.app.amqp",
    "celery.app.control",
    "celery.app.events",
    "celery.app.log",
    "celery.apps.worker",
    "celery.backends.base",
    "celery.concurrency.prefork",
    "celery.events.receiver",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.strategy",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "uvicorn.lifespan.on",
    "uvloop",
)


def load(env: Mapping[str, str]) -> None:
    """Import what the services need that are to run with `env`. Opens no connection and starts no thread.

    Raises `ConfigError` for a broker that they cannot use.
    """
    from kombu.connection import Connection

    from app.broker import celery_settings
    from app.tasks.celery_app import TASK_MODULES

    os.environ[METRICS_DIRECTORY] = env[METRICS_DIRECTORY]  # `app.metrics` asks for it when it is imported
    for name in (*_MODULES, *TASK_MODULES):
        import_module(name)
    # It imports what talks to such a broker.
    Connection(celery_settings(env["CELERY_BROKER_URL"])["broker_url"]).get_transport_cls()
    # A collection in a copy would write to every object, and make its pages that process's own.
    gc.collect()
    gc.freeze()


def main_of(*arguments: str) -> Callable[[], None]:
    """What a copy of a process that has loaded all calls to be `runlog ARGUMENTS`."""

    def run() -> None:
        from app.cli.main import main

        name_process(f"runlog {arguments[0]}")
        get_settings.cache_clear()
        sys.argv = ["runlog", *arguments]
        main()

    return run
