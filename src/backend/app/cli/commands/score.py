"""`runlog score`: the commands about scores."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.commands import score_judge
from app.cli.options import DataDir, ScorerName

app = typer.Typer(
    no_args_is_help=True,
    help="""See, measure and improve how runs are scored.

\b
Examples:
  runlog score status
  runlog score trend --agent sage
""",
)

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_AsJsonObject = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def status(as_json: _AsJsonObject = False, _: DataDir = None) -> None:
    """Show how many runs wait for their score, and what failed.

    It also counts the results of each scorer and version.

    \b
    Examples:
      runlog score status
      runlog score status --json
    """
    from app.cli import score_status as work

    work.status(as_json)


@app.command()
def backfill(
    since: Annotated[str, typer.Option(help="The runs since: 30d, 12w or an ISO 8601 time.")],
    until: Annotated[str | None, typer.Option(help="And before then, the same way; now, unless set.")] = None,
    scorer: Annotated[ScorerName, typer.Option(help="Who scores them.")] = ScorerName.RUBRIC,
    version: Annotated[str | None, typer.Option(help="In which version; the one in use, unless set.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
    _: DataDir = None,
) -> None:
    """Score history by the scorer's version in use.

    Runs that have a result of that version are left out; interrupted, the same command goes on where it
    stopped. Results of other versions stay beside it, and ratings decide as ever.

    \b
    Examples:
      runlog score backfill --since 30d
      runlog score backfill --since 2026-11-01 --until 7d --scorer reward
    """
    from app.cli import score_backfill as work

    work.backfill(since, until, scorer, version, as_json)


@app.command("eval")
def evaluate_scorer(
    file: Annotated[Path, typer.Argument(help="A file with a pair of reports a line, as JSON.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="A line for each pair judged wrong, then one with the figures.")
    ] = False,
) -> None:
    """Measure how often the rubric prefers what people prefer.

    It reads pairs of reports from a file, and needs no server.

    \b
    Example:
      runlog score eval pairs.jsonl
    """
    from app.cli import score_eval as work

    work.evaluate_scorer(file, as_json)


@app.command()
def trend(
    agent: Annotated[str | None, typer.Option(help="Only this agent's.")] = None,
    as_json: _AsJsonObject = False,
    _: DataDir = None,
) -> None:
    """Compare the scores of 7 days with the 7 before.

    \b
    Examples:
      runlog score trend
      runlog score trend --agent sage
    """
    from app.cli import score_trend as work

    work.trend(agent, as_json)


@app.command()
def agreement(
    since: Annotated[
        str | None, typer.Option(help="Only runs rated since: 30d, 12w or an ISO 8601 time.")
    ] = None,
    as_json: _AsJsonObject = False,
    _: DataDir = None,
) -> None:
    """Show how each scorer agrees with people's ratings.

    It also shows how people agree with each other.

    \b
    Example:
      runlog score agreement --since 30d
    """
    from app.cli import score_agreement as work

    work.agreement(since, as_json)


@app.command()
def review(
    rater: Annotated[str | None, typer.Option(help="Leave out what this person has rated.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a run a line.")] = False,
    _: DataDir = None,
) -> None:
    """Show the recent runs most worth a person's rating.

    For each it says why.

    \b
    Examples:
      runlog score review
      runlog score review --rater ada --limit 5
    """
    from app.cli import score_review as work

    work.review(rater, limit, as_json)


app.add_typer(score_judge.app, name="judge")


@app.command()
def train(as_json: _AsJson = False, _: DataDir = None) -> None:
    """Train the reward model on people's ratings now.

    It is put in force if it agrees with people better than what is in force.

    \b
    Example:
      runlog score train
    """
    from app.cli import score_reward as work

    work.train(as_json)


@app.command()
def models(as_json: _AsJson = False, _: DataDir = None) -> None:
    """List the versions of the reward model, newest first.

    For each it shows the figures by which it was judged.

    \b
    Example:
      runlog score models
    """
    from app.cli import score_reward as work

    work.models(as_json)


@app.command()
def rollback(
    version: Annotated[int | None, typer.Argument(help="Go back to this one.", show_default=False)] = None,
    _: DataDir = None,
) -> None:
    """Withdraw the reward model in force.

    With VERSION all that are newer are withdrawn. Ratings are kept.

    \b
    Examples:
      runlog score rollback
      runlog score rollback 3
    """
    from app.cli import score_reward as work

    work.rollback(version)
