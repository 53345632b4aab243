"""`runlog rate`."""

import getpass

import typer

from app.cli.api_client import path_of
from app.cli.log_api import open_api, whole_id
from app.cli.output import check_id
from app.kit.text import printable


def rate(run_id: str, rating: float, rater: str | None, comment: str | None) -> None:
    """Rate a run in the name of `rater`, or of the user. Raises `NotFoundError`, `typer.BadParameter`."""
    beginning, rater = check_id(run_id), rater or getpass.getuser()
    with open_api() as api:
        rated = whole_id(api, beginning)
        given = {"rating": rating, "rater": rater, "comment": comment}
        api.request("POST", path_of("agent-run-log", rated, "feedback"), body=given)
    typer.echo(f"{printable(rater)} rated {rated} {rating:g}")
