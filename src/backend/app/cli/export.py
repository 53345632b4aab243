"""`runlog export`: what people said of runs, as JSON lines for others to learn from."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from app.cli.options import By
from app.cli.output import parse_since, print_json
from app.db.plain_errors import plain_errors
from app.db.session import transaction
from app.kit.strict_json import dumps_exactly
from app.kit.text import counted
from app.quality.domain.preferences import Pairing, Preference
from app.quality.export import (
    PAGE,
    PreferenceLines,
    ratings_page,
    runs_rated_by_people,
    runs_with_overall,
)

Lines = list[dict[str, Any]]

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def preferences(since: str | None, min_gap: float, by: By, out: Path | None) -> None:
    """Write the pairs whose scores differ by `min_gap` or more, to `out` or stdout."""
    _write(_preferences(parse_since(since) if since else _EVER, min_gap, by), out)


def ratings(since: str | None, out: Path | None) -> None:
    """Write the ratings with their reports, to `out` or stdout."""
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
                print_json(dumps_exactly(line), file)
            written += len(page)
    if out:
        typer.echo(f"wrote {counted(written, 'line')}", err=True)


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
