"""`runlog score judge`: try the judge, and see what it did."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Try the judge, and see what it did.")


@app.command("test")
def try_judge() -> None:
    """Send one example report to the judge now, outside the budget; exit 1 when it gives no judgement."""
    from app.cli import score_judge as work

    work.try_judge()


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show today's calls and what is left of the budget, and what came of the runs so far."""
    from app.cli import score_judge as work

    work.status(as_json)
