"""`runlog serve`."""

import asyncio
import gc
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from contextlib import nullcontext, suppress
from multiprocessing.process import BaseProcess

import psutil
import typer

from app.cli.metrics import counted_together, serve_metrics
from app.cli.options import Face
from app.config import Settings, get_settings
from app.embedded.process import is_alive

KEEP_ALIVE_SECONDS = 75
"""Longer than the 60 seconds after which Kong and other gateways close an idle connection: where the server
closes it first, a request may be on its way already, and is lost."""

# Of every answer: none is to be taken for another type than it says, and none says where a reader came from.
_HEADERS = [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")]

_NOT_ENCRYPTED = (
    "warning: other machines can reach this address. Internal routes need the token of `runlog token`, which"
    " HTTP does not hide on its way: put a gateway that speaks TLS before it. Agents report without it,"
    " unless RUNLOG_REPORTS_NEED_TOKEN=true"
)

# Seconds after which uvicorn replaces a process that does not answer it. On a busy machine a start takes
# longer than its default of 5: no process would ever be up.
_HEALTHCHECK_SECONDS = 30

# Seconds between two looks of an API process at what it is to end after.
_LOOK_SECONDS = 0.1

# Seconds after which a thread must let another one run. While the thread that talks to the broker packs a
# message, the loop waits; by Python's default of 0.005 that shows in the slowest hundredth of reports.
_SWITCH_SECONDS = 0.0005


def serve(
    host: str, port: int, workers: int, expose: Face | None, metrics_host: str, metrics_port: int | None
) -> None:
    """Serve the API in `workers` processes until a signal; raises `typer.Exit` with the exit status.

    With `metrics_port` Prometheus is answered there, too, for all of its processes.
    """
    if expose is not None:
        os.environ["RUNLOG_EXPOSE"] = expose.value
    with counted_together() if workers > 1 else nullcontext():
        if metrics_port is not None:
            serve_metrics(metrics_host, metrics_port)
        _serve(host, port, workers)


def _serve(host: str, port: int, workers: int) -> None:
    from app.cli.setting_warnings import warn_of_settings
    from app.db.engine import libpq_url
    from app.tracing import require_tracing

    settings = get_settings()
    require_tracing(settings)
    url = libpq_url(settings.require_database_url())
    _guard(settings, host)
    _warn_of_missing(url)
    warn_of_settings()
    _allow_many_connections()
    _run(host, port, workers, _protocol(settings))


def _guard(settings: Settings, host: str) -> None:
    """Have a token where other machines can reach the internal routes, or reports need one."""
    from app.cli.token import require_token
    from app.kit.hosts import is_loopback

    if settings.expose == "public":
        return
    if settings.reports_need_token or not is_loopback(host):
        require_token(settings)
    if not is_loopback(host):
        typer.echo(_NOT_ENCRYPTED, err=True)


def _warn_of_missing(url: str) -> None:
    from app.db.problems import SCHEMA_MISSING
    from app.schema.presence import look_for_missing

    if missing := asyncio.run(look_for_missing(url)):
        typer.echo(f"warning: {SCHEMA_MISSING} ({', '.join(missing)})", err=True)


def _protocol(settings: Settings) -> str:
    """The class that reads requests: the direct way of reports knows no token and no span.

    By name, for a process that only starts others need not load the application itself.
    """
    if settings.expose == "public" or settings.reports_need_token or settings.traces_url:
        return "app.api.bounded_protocol:BoundedProtocol"
    return "app.api.http_protocol:HttpProtocol"


def _run(host: str, port: int, workers: int, protocol: str) -> None:
    import uvicorn

    # The first sets how often Python collects.
    _copy_a_loaded_process("app.cli.main", "app.main", "uvloop", protocol.partition(":")[0])
    # uvicorn raises the signal again when all is answered; a server that was asked to stop has not failed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        uvicorn.run(
            "app.cli.serve:make_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            loop="uvloop",
            http=protocol,
            ws="none",
            access_log=False,
            proxy_headers=False,
            log_config=None,
            server_header=False,
            headers=_HEADERS,
            timeout_graceful_shutdown=10,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_worker_healthcheck=_HEALTHCHECK_SECONDS,
            backlog=4096,
        )
    except SystemExit as ended:
        # uvicorn has logged why it could not start, and has a status of its own for it.
        raise typer.Exit(1 if ended.code else 0) from ended


def _copy_a_loaded_process(*modules: str) -> None:
    """Have each API process begin as a copy of one that has imported `modules`, and share its memory.

    It is then there, or replaced, in a tenth of the time of a start of its own. uvicorn has no option for
    it: it starts each by this context of `multiprocessing`.
    """
    import uvicorn._subprocess

    copies = multiprocessing.get_context("forkserver")
    copies.set_forkserver_preload(list(modules))
    uvicorn._subprocess.spawn = copies  # type: ignore[assignment]  # not a class, but as good


def _allow_many_connections() -> None:
    """Raise the limit of open files to the system's: each connection is one, and 1024 are soon used up."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError):  # macOS names no limit, and has one
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _end_after(serving: BaseProcess, process: psutil.Process, copied: int) -> None:
    """End with `serving`, which is `process`, or once replaced, as happens when the one copied has ended."""
    while os.getppid() == copied and serving.is_alive():
        serving.join(_LOOK_SECONDS)
    # Replaced or not, the pipe that tells may be closed. Until its replacement has started, it serves on.
    deadline = time.monotonic() + _HEALTHCHECK_SECONDS
    while is_alive(process) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def make_app() -> object:
    """The application; each of several API processes ends with `serve`, or once it is replaced."""
    from app.main import create_app

    # `serve` itself may be a copy of `runlog up`, and sees to its own end.
    if (serving := multiprocessing.parent_process()) and serving.pid != os.getppid():
        ending = (serving, psutil.Process(serving.pid), os.getppid())
        threading.Thread(target=_end_after, args=ending, daemon=True).start()
    app = create_app()
    # Objects made by now live as long as the process: a collection that visited them would delay runs.
    gc.freeze()
    sys.setswitchinterval(_SWITCH_SECONDS)
    return app
