"""`runlog up`: everything on one machine, on embedded servers."""

from pathlib import Path
from typing import Annotated

import typer


def up(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port to listen on; 8000, or the next free one.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the data is kept; the user's data directory unless set.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="API processes.")] = 1,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when it is ready, and leave it running.")
    ] = False,
) -> None:
    """Run everything on this machine, until Ctrl-C.

    That is PostgreSQL, Valkey, the API and dashboard, the Celery worker and beat; the data stays. With
    DATABASE_URL or CELERY_BROKER_URL set, that server is used instead of an embedded one.

    \b
    Examples:
      runlog up
      runlog up --detach
      runlog up --port 9000 --data-dir /var/lib/runlog
    """
    if detach:
        from app.cli import detach as detached

        detached.up(host, port, data_dir, workers)
    else:
        from app.cli import up as work

        work.up(host, port, data_dir, workers)
