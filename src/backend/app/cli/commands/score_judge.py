"""`runlog score judge`: try the judge, and see what it did."""

from typing import Annotated

import typer

from app.cli.options import DataDir

app = typer.Typer(
    no_args_is_help=True,
    help="""Try the judge, and see what it did.

\b
Example:
  runlog score judge test
""",
)


@app.command("test")
def try_judge(_: DataDir = None) -> None:
    """Send one example report to the judge now.

    It does not count for the budget. The exit status is 1 when the judge gives no judgement.

    \b
    Example:
      runlog score judge test
    """
    from app.cli import score_judge as work

    work.try_judge()


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False, _: DataDir = None
) -> None:
    """Show today's calls, the budget, and what came of the runs.

    \b
    Examples:
      runlog score judge status
      runlog score judge status --json
    """
    from app.cli import score_judge as work

    work.status(as_json)
