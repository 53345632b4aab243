"""`runlog export`: what people said of runs, as JSON lines for others to learn from."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.output import parse_since
from app.db.engine import dumps_exactly
from app.db.plain_errors import plain_errors
from app.db.session import transaction
from app.quality.domain.preferences import Pairing, Preference
from app.quality.export import (
    PAGE,
    PreferenceLines,
    ratings_page,
    runs_rated_by_people,
    runs_with_overall,
)

app = typer.Typer(no_args_is_help=True, help="Write ratings and preferences as JSON lines.")

Lines = list[dict[str, Any]]
Out = Annotated[Path | None, typer.Option(help="Write into this file instead of to stdout.")]

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class By(StrEnum):
    """Whose word decides which run is better."""

    HUMAN = "human"
    OVERALL = "overall"


@app.command()
def preferences(
    since: Annotated[
        str | None, typer.Option(help="Only runs reported since: 30d, 12w or an ISO 8601 time.")
    ] = None,
    min_gap: Annotated[
        float, typer.Option(min=0.01, max=1, help="How much better the chosen run must be.")
    ] = 0.2,
    by: Annotated[By, typer.Option(help="People's mean ratings, or each run's overall.")] = By.HUMAN,
    out: Out = None,
) -> None:
    """Write pairs of an agent's runs, one better than the other: prompt, chosen and rejected, as for TRL."""
    _write(_preferences(parse_since(since) if since else _EVER, min_gap, by), out)


@app.command()
def ratings(
    since: Annotated[
        str | None, typer.Option(help="Only ratings given since: 30d, 12w or an ISO 8601 time.")
    ] = None,
    out: Out = None,
) -> None:
    """Write every rating with the report that was rated."""
    _write(_ratings(parse_since(since) if since else None), out)


async def _ratings(since: datetime | None) -> AsyncGenerator[Lines, None]:
    after = None
    while True:
        async with transaction() as session:
            lines, after = await ratings_page(session, since, after)
        yield lines
        if after is None:
            return


async def _preferences(since: datetime, min_gap: float, by: By) -> AsyncGenerator[Lines, None]:
    evaluated = runs_rated_by_people if by is By.HUMAN else runs_with_overall
    pairing = Pairing(min_gap)
    waiting: list[Preference] = []
    async with transaction() as session:
        lines = PreferenceLines(session, by.value)
        async for run in evaluated(session, since):
            waiting += pairing.pairs(run)
            if len(waiting) >= PAGE // 2:
                yield await lines.of(waiting)
                waiting.clear()
        yield await lines.of(waiting)


def _write(pages: AsyncGenerator[Lines, None], out: Path | None) -> None:
    written = 0
    with ExitStack() as stack:
        file = stack.enter_context(out.open("w", encoding="utf-8")) if out else sys.stdout
        for page in _pulled(pages):
            for line in page:
                typer.echo(dumps_exactly(line), file=file)
            written += len(page)
    if out:
        typer.echo(f"wrote {written} lines", err=True)


def _pulled(pages: AsyncGenerator[Lines, None]) -> Iterator[Lines]:
    """`pages` one by one; what goes wrong with them is the database's, unlike what does between them."""

    async def following() -> Lines | None:
        return await anext(pages, None)

    with asyncio.Runner() as runner:
        try:
            while True:
                with plain_errors():
                    page = runner.run(following())
                if page is None:
                    return
                yield page
        finally:
            runner.run(pages.aclose())
