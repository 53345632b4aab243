"""`runlog rate`."""

import getpass
from uuid import UUID

import typer
from pydantic import ValidationError

from app.cli.output import check_id, run_on_database
from app.db.session import transaction
from app.kit.text import printable
from app.runs.queries import find_run
from app.scoring.ratings import rate_run
from app.scoring.wire import FeedbackIn


def rate(run_id: str, rating: float, rater: str | None, comment: str | None) -> None:
    """Rate a run in the name of `rater`, or of the user. Raises `NotFoundError`, `typer.BadParameter`."""
    try:
        given = FeedbackIn(rating=rating, rater=rater or getpass.getuser(), comment=comment)
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(f"{first['loc'][0]}: {first['msg']}") from error
    rated = run_on_database(_rate(check_id(run_id), given))
    typer.echo(f"{printable(given.rater)} rated {rated} {given.rating:g}")


async def _rate(beginning: str, given: FeedbackIn) -> UUID:
    async with transaction() as session:
        run_id = await find_run(session, beginning)
        await rate_run(session, run_id, rater=given.rater, rating=given.rating, comment=given.comment)
        return run_id
