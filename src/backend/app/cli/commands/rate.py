"""`runlog rate`."""

from typing import Annotated

import typer

from app.cli.options import DataDir


def rate(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="The run's id, or the beginning of it.")],
    rating: Annotated[
        float,
        typer.Argument(min=0, max=1, metavar="RATING", help="From 0, of no use, to 1, as it should be."),
    ],
    rater: Annotated[str | None, typer.Option(help="Who rates.", show_default="the name of the user")] = None,
    comment: Annotated[str | None, typer.Option(help="Why.")] = None,
    _: DataDir = None,
) -> None:
    """Rate a run. Your next rating of it replaces this one.

    \b
    Examples:
      runlog rate 01a2269a-a083 0.9
      runlog rate 01a2269a-a083 0.2 --rater ada --comment "Wrong table"
    """
    from app.cli import rate as work

    work.rate(run_id, rating, rater, comment)
