"""`runlog export`: what people said of runs, and runs with their proofs, as JSON lines."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from app.cli.options import By
from app.cli.output import parse_since, print_json
from app.db.plain_errors import plain_errors
from app.db.session import transaction
from app.errors import NotFoundError
from app.kit.strict_json import dumps_exactly
from app.kit.text import counted
from app.proof.checkpoints import newest_checkpoint
from app.proof.export import ProofFilters, proof_page
from app.quality.domain.preferences import Pairing, Preference
from app.quality.export import (
    PAGE,
    PreferenceLines,
    ratings_page,
    runs_rated_by_people,
    runs_with_overall,
)

Lines = Sequence[str]

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def preferences(since: str | None, min_gap: float, by: By, out: Path | None) -> None:
    """Write the pairs whose scores differ by `min_gap` or more, to `out` or stdout."""
    _write(_preferences(parse_since(since) if since else _EVER, min_gap, by), out)


def ratings(since: str | None, out: Path | None) -> None:
    """Write the ratings with their reports, to `out` or stdout."""
    _write(_ratings(parse_since(since) if since else None), out)


def proofs(agent: str | None, since: str | None, until: str | None, out: Path | None) -> None:
    """Write the runs that the newest checkpoint covers with their proofs, to `out` or stdout.

    Raises `NotFoundError` where there is no checkpoint, and `ProofFailedError` where the tree is damaged.
    """
    bounds = (parse_since(each) if each else None for each in (since, until))
    _write(_proofs(ProofFilters(agent, *bounds)), out)


async def _proofs(filters: ProofFilters) -> AsyncGenerator[Lines, None]:
    async with transaction() as session:
        checkpoint = await newest_checkpoint(session)
    if checkpoint is None:
        raise NotFoundError(
            "the log has no signed checkpoint yet: it has one in a minute, while a worker runs"
        )
    first: int | None = 0
    unproved = 0
    while first is not None:
        async with transaction() as session:
            page = await proof_page(session, checkpoint, filters, first)
        yield page.documents
        first = page.next_leaf
        unproved += page.unproved
    typer.echo(f"all by the checkpoint of {checkpoint.tree_size:,} leaves", err=True)
    if unproved:
        changed = counted(unproved, "run")
        typer.echo(f"without {changed}, merged or erased since: export again in a minute", err=True)


async def _ratings(since: datetime | None) -> AsyncGenerator[Lines, None]:
    after = None
    while True:
        async with transaction() as session:
            lines, after = await ratings_page(session, since, after)
        yield _exactly(lines)
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
                yield _exactly(await lines.of(waiting))
                waiting.clear()
        yield _exactly(await lines.of(waiting))


def _exactly(lines: Iterable[dict[str, Any]]) -> Lines:
    return [dumps_exactly(line) for line in lines]


def _write(pages: AsyncGenerator[Lines, None], out: Path | None) -> None:
    written = 0
    with ExitStack() as stack:
        file = stack.enter_context(out.open("w", encoding="utf-8")) if out else sys.stdout
        for page in _pulled(pages):
            for line in page:
                print_json(line, file)
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
