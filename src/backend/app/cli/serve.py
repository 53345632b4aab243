"""`runlog serve`."""

import gc
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
from contextlib import suppress

import typer

from app.cli.commands.serve import Face

KEEP_ALIVE_SECONDS = 75
"""Longer than the 60 seconds after which Kong and other gateways let an idle connection go: whoever is
first to hang up must not be the one that does not know whether a request is on its way."""

# uvicorn replaces a process that does not answer it for so long. On a busy machine starting takes longer than
# its usual 5 seconds: no process would ever be up.
_HEALTHCHECK_SECONDS = 30

# While the thread that talks to the broker packs a message, the loop waits for its turn: ten times as long by
# Python's own default, which one in a hundred reports would notice.
_SWITCH_SECONDS = 0.0005

# A report makes dozens of objects and hardly a cycle: by Python's own thresholds its garbage collector goes
# through all that is under way again and again, for nothing.
_COLLECT_AFTER = (20_000, 50, 100)


def serve(host: str, port: int, workers: int, expose: Face | None) -> None:
    """Serve the API in `workers` processes until a signal; raises `typer.Exit` with the exit status."""
    if expose is not None:
        os.environ["RUNLOG_EXPOSE"] = expose.value
    if workers == 1:
        _serve(host, port, workers)
        return
    # The processes of one server count together; read when prometheus_client is imported.
    with tempfile.TemporaryDirectory(prefix="runlog-metrics-") as metrics_dir:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics_dir
        _serve(host, port, workers)


def _serve(host: str, port: int, workers: int) -> None:
    import uvicorn

    from app.api.http_protocol import HttpProtocol
    from app.config import get_settings
    from app.db.engine import libpq_url

    settings = get_settings()
    libpq_url(settings.require_database_url())
    _allow_many_connections()
    # uvicorn raises the signal again when all is answered; a server that did as it was told has not failed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        uvicorn.run(
            "app.cli.serve:make_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            loop="uvloop",
            http="httptools" if settings.expose == "public" else HttpProtocol,
            access_log=False,
            proxy_headers=False,
            log_config=None,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=10,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_worker_healthcheck=_HEALTHCHECK_SECONDS,
            backlog=4096,
        )
    except SystemExit as ended:
        # uvicorn has logged why it could not start, and has a status of its own for it.
        raise typer.Exit(1 if ended.code else 0) from ended


def _allow_many_connections() -> None:
    """Take as many open files as the system lets us: each connection is one, and 1024 are soon used up."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError):  # macOS says there is no limit, and has one all the same
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def make_app() -> object:
    """The application, in an API process that ends with its parent."""
    from app.embedded.process import die_with_parent
    from app.main import create_app

    if parent := multiprocessing.parent_process():
        die_with_parent(signal.SIGTERM, parent.pid)
    app = create_app()
    # What is here now stays: a collection that went through all of it would keep runs waiting for long.
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    sys.setswitchinterval(_SWITCH_SECONDS)
    return app
