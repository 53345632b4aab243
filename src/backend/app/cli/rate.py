"""`runlog rate`."""

import getpass
from uuid import UUID

import typer
from pydantic import ValidationError

from app.cli.output import run_on_database
from app.db.session import transaction
from app.errors import NotFoundError
from app.kit.text import printable
from app.scoring.ratings import rate_run
from app.scoring.wire import FeedbackIn


def rate(run_id: UUID, rating: float, rater: str | None, comment: str | None) -> None:
    """Rate a run in the name of `rater`, or of the user. Raises `NotFoundError`, `typer.BadParameter`."""
    try:
        given = FeedbackIn(rating=rating, rater=rater or getpass.getuser(), comment=comment)
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(f"{first['loc'][0]}: {first['msg']}") from error
    try:
        run_on_database(_rate(run_id, given))
    except NotFoundError as error:
        raise NotFoundError(f"there is no run {run_id}") from error
    typer.echo(f"{printable(given.rater)} rated {run_id} {given.rating:g}")


async def _rate(run_id: UUID, given: FeedbackIn) -> None:
    async with transaction() as session:
        await rate_run(session, run_id, rater=given.rater, rating=given.rating, comment=given.comment)
