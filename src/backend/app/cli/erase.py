"""`runlog erase`."""

import getpass

import typer

from app.cli.api_client import path_of
from app.cli.log_api import open_api, whole_id
from app.cli.output import check_id


def erase(run_id: str, reason: str, by: str | None) -> None:
    """Erase the payload of the run whose id begins with `run_id`. Raises `NotFoundError` or `ServerError`."""
    beginning = check_id(run_id)
    with open_api() as api:
        whole = whole_id(api, beginning)
        body = {"by": by or getpass.getuser(), "reason": reason}
        api.request("POST", f"{path_of('agent-run-log', whole)}/erasure", body=body)
    typer.echo(f"erased what run {whole} reported")
