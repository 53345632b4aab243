"""`runlog import openclaw`."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import typer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.cli.output import print_json, run_on_database
from app.cli.progress import progress_bar
from app.config import get_settings
from app.db.session import get_database, transaction
from app.errors import DatabaseError, IngestUnavailableError
from app.intake.domain.openclaw.facts import Fact, JobListFact, NoRunFact
from app.intake.domain.openclaw.schedules import Declaration
from app.intake.openclaw import Recorder
from app.intake.openclaw_history import read_history
from app.kit.text import counted, printable
from app.models import AgentRunIdempotencyKey
from app.runs.run import Run
from app.runs.writer import close_writer, get_writer
from app.wiring import openclaw_settings

_RUNS_AT_ONCE = 200


def import_openclaw(sources: list[str], *, dry_run: bool, as_json: bool) -> None:
    """Import what `sources` hold, and print what came of it. Raises `InputFileError`, `DatabaseError`."""
    history = read_history(sources)
    facts = history.facts(store_prompts=get_settings().openclaw_store_prompts)
    left_out = Counter(fact.what for fact in facts if isinstance(fact, NoRunFact))
    recorded = [fact for fact in facts if not isinstance(fact, NoRunFact)]
    try:
        recorder, outcomes = run_on_database(_dry_run(recorded) if dry_run else _import(recorded))
    except KeyboardInterrupt:
        typer.echo("Stopped; the same command goes on from here", err=True)
        raise typer.Exit(130) from None
    if left := outcomes.pop("no_run", 0):
        left_out["system"] += left
    summary = {
        "imported": outcomes["run"],
        "known": outcomes["known"],
        "refused": outcomes["refused"],
        "left_out": dict(left_out),
        "jobs": sum(len(fact.jobs) for fact in recorded if isinstance(fact, JobListFact)),
        "declared": {
            agent: said._asdict()
            for agent, said in recorder.declared.items()
            if isinstance(said, Declaration)
        },
        "not_declared": {
            agent: said.reason
            for agent, said in recorder.declared.items()
            if not isinstance(said, Declaration)
        },
        "dry_run": dry_run,
    }
    if as_json:
        print_json(msgspec.json.encode(summary).decode())
    else:
        _print(summary)


async def _import(facts: Sequence[Fact]) -> tuple[Recorder, Counter[str]]:
    writer = get_writer()
    recorder = Recorder(transaction, writer.write, openclaw_settings(get_settings()))
    outcomes: Counter[str] = Counter()
    try:
        with progress_bar() as progress:
            bar = progress.add_task("runs", total=len(facts))
            for start in range(0, len(facts), _RUNS_AT_ONCE):
                part = facts[start : start + _RUNS_AT_ONCE]
                outcomes += await recorder.record(part)
                progress.advance(bar, len(part))
    except IngestUnavailableError as error:
        raise DatabaseError(f"{error}; the same command goes on from here") from error
    finally:
        await close_writer()
    return recorder, outcomes


async def _dry_run(facts: Sequence[Fact]) -> tuple[Recorder, Counter[str]]:
    """What importing would do, in transactions that are rolled back."""

    @asynccontextmanager
    async def rolled_back() -> AsyncIterator[AsyncSession]:
        async with get_database().sessions() as session:
            yield session
            await session.rollback()

    recorder = Recorder(rolled_back, _known, openclaw_settings(get_settings()))
    return recorder, await recorder.record(facts)


async def _known(run: Run) -> UUID:
    """The row that the run's key made before, or the one that it would make."""
    async with transaction() as session:
        known = await session.scalar(
            select(AgentRunIdempotencyKey.run_id).where(
                AgentRunIdempotencyKey.agent_id == run.agent_id,
                AgentRunIdempotencyKey.key == run.idempotency_key,
            )
        )
    return known or run.id


def _print(summary: dict[str, Any]) -> None:
    would = "Would import" if summary["dry_run"] else "Imported"
    parts = [f"{would} {counted(summary['imported'], 'run')}", f"{summary['known']:,} known already"]
    if summary["refused"]:
        parts.append(f"{summary['refused']:,} refused")
    parts += [f"{number:,} left out ({printable(why)})" for why, number in summary["left_out"].items()]
    typer.echo("; ".join(parts))
    for agent, said in summary["declared"].items():
        typer.echo(f"{printable(agent)} comes {printable(said['schedule'])} ({said['timezone']})")
    for agent, reason in summary["not_declared"].items():
        typer.echo(f"{printable(agent)}: no schedule is declared, as {printable(reason)}")
