"""`runlog score backfill`."""

import asyncio
from datetime import datetime

import typer

from app.cli.options import ScorerName
from app.cli.output import parse_since, print_json, run_on_database
from app.cli.progress import progress_bar
from app.db.session import transaction
from app.kit.text import counted, printable
from app.models import ScoreBackfill
from app.scoring.backfills import open_backfill
from app.scoring.scorers import find_scorer
from app.scoring.wire import BackfillOut
from app.tasks.backfills import continue_backfill
from app.tasks.pacing import new_pace
from app.tasks.runtime import yield_processors


def backfill(since: str, until: str | None, scorer: ScorerName, version: str | None, as_json: bool) -> None:
    """Score the runs of a window, going on where the same request was interrupted, and print the counts."""
    window = parse_since(since), parse_since(until) if until else None
    if window[1] is not None and window[1] <= window[0]:
        raise typer.BadParameter("--until must be later than --since")
    yield_processors()
    try:
        done = run_on_database(_backfill(f"{since} {until or ''}".strip(), window, scorer.value, version))
    except KeyboardInterrupt:
        typer.echo("Stopped; the same command goes on from here", err=True)
        raise typer.Exit(130) from None
    if as_json:
        print_json(BackfillOut.model_validate(done).model_dump_json())
    elif done.error is not None:
        typer.echo(f"Ended: {printable(done.error)}")
    else:
        typer.echo(
            f"Scored {counted(done.scored, 'run')} by {done.scorer} {printable(done.version)};"
            f" skipped {done.skipped:,}, failed {done.failed:,}"
        )


async def _backfill(
    request: str, window: tuple[datetime, datetime | None], scorer: str, version: str | None
) -> ScoreBackfill:
    since, until = window
    async with transaction() as session:
        wanted = await find_scorer(session, scorer, version)
        opened = await open_backfill(
            session, since=since, until=until, scorer=scorer, version=wanted.version, request=request
        )
    pace = new_pace()
    with progress_bar() as progress:
        bar = progress.add_task(f"{opened.scorer} {printable(opened.version)}", total=opened.runs)
        while opened.finished_at is None:
            done = opened.scored + opened.skipped + opened.failed
            progress.update(bar, completed=done, total=max(done, opened.runs))
            opened, delay = await continue_backfill(opened.id, pace)
            await asyncio.sleep(delay)
    return opened
