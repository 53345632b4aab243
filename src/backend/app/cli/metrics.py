"""How the processes of one command count together, and how Prometheus reads a worker or a beat."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from app.environment import METRICS_DIRECTORY
from app.errors import RunLogError


@contextmanager
def counted_together() -> Iterator[None]:
    """Have this process and those it starts count in one directory: that of `runlog up`, or a new one.

    Call it before anything imports `app.metrics`.
    """
    if METRICS_DIRECTORY in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="runlog-metrics-") as directory:
        os.environ[METRICS_DIRECTORY] = directory
        yield


def serve_metrics(host: str, port: int) -> None:
    """Answer `/metrics` on `host`:`port` from a thread. Raises `RunLogError` where it cannot listen there."""
    from prometheus_client import start_http_server

    from app.metrics import registry

    try:
        start_http_server(port, host, registry())
    except OSError as error:
        raise RunLogError(f"cannot serve metrics on {host}:{port}: {error.strerror or error}") from error
