"""`runlog serve`."""

from typing import Annotated

import typer

from app.cli.options import Face, MetricsHost, MetricsPort


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="API processes.")] = 1,
    expose: Annotated[Face | None, typer.Option(help="Mount only these routes; all unless set.")] = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
) -> None:
    """Serve the API alone, against DATABASE_URL and CELERY_BROKER_URL.

    What it counts is at /metrics of the internal face, and of --metrics-port.

    \b
    Examples:
      runlog serve --port 9000
      runlog serve --host 0.0.0.0 --expose public --workers 4 --metrics-port 9103
    """
    from app.cli import serve as work

    work.serve(host, port, workers, expose, metrics_host, metrics_port)
