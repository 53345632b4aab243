"""`runlog export`: what people said of runs, and runs with their proofs, as JSON lines."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import By, DataDir

app = typer.Typer(
    no_args_is_help=True,
    help="""Write ratings, preferences and proofs as JSON lines.

\b
Example:
  runlog export ratings --out ratings.jsonl
""",
)

_Out = Annotated[Path | None, typer.Option(help="Write into this file instead of to stdout.")]


@app.command()
def preferences(
    since: Annotated[
        str | None, typer.Option(help="Only runs reported since: 30d, 12w or an ISO 8601 time.")
    ] = None,
    min_gap: Annotated[
        float, typer.Option(min=0.01, max=1, help="How much better the chosen run must be.")
    ] = 0.2,
    by: Annotated[By, typer.Option(help="People's mean ratings, or each run's overall.")] = By.HUMAN,
    out: _Out = None,
    _: DataDir = None,
) -> None:
    """Write pairs of an agent's runs, one better than the other.

    Each is an object with prompt, chosen and rejected, as TRL reads them.

    \b
    Examples:
      runlog export preferences --out pairs.jsonl
      runlog export preferences --since 30d --min-gap 0.3 --by overall
    """
    from app.cli import export as work

    work.preferences(since, min_gap, by, out)


@app.command()
def ratings(
    since: Annotated[
        str | None, typer.Option(help="Only ratings given since: 30d, 12w or an ISO 8601 time.")
    ] = None,
    out: _Out = None,
    _: DataDir = None,
) -> None:
    """Write every rating with the report that was rated.

    \b
    Example:
      runlog export ratings --since 12w --out ratings.jsonl
    """
    from app.cli import export as work

    work.ratings(since, out)


@app.command()
def proofs(
    agent: Annotated[str | None, typer.Option(help="Only runs of this agent.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only runs recorded since: 30d, 12w or an ISO 8601 time.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only runs recorded before, as --since.")] = None,
    out: _Out = None,
    _: DataDir = None,
) -> None:
    """Write every run with a proof that the log has it.

    All proofs are by the newest signed checkpoint. `scripts/verify-proof.py` checks them offline.

    \b
    Example:
      runlog export proofs --since 2026-10-01 --until 2026-11-01 --out october.jsonl
    """
    from app.cli import export as work

    work.proofs(agent, since, until, out)
