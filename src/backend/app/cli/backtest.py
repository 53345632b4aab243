"""`runlog audit backtest`."""

import gc
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from app.audit import recorded_history
from app.audit.cadence import Outage
from app.audit.domain.backtest import judge
from app.audit.domain.evaluation import all_rules
from app.audit.domain.recorded import RecordedRuns
from app.audit.domain.replay import Declaration, PastFinding
from app.audit.domain.rule import Rule
from app.audit.public_holidays import public_holidays
from app.cli.backtest_input import read_declarations, read_runs
from app.cli.output import console, parse_since, print_json_lines, run_on_database
from app.config import get_settings
from app.db.session import transaction
from app.kit.text import counted, printable
from app.models.agent_run_log import AUDITOR
from app.wiring import audit_settings

Runs = dict[str, RecordedRuns]


def backtest(runs: Path | None, agents: Path | None, since: str | None, as_json: bool) -> None:
    """Print what the rules find in the runs of a file, or of the database since then."""
    if (runs is None) == (since is None):
        raise typer.BadParameter("give either --runs FILE or --since TIME")
    if agents and since:
        raise typer.BadParameter("--agents goes with --runs: the database knows what is declared")
    with _progress() as progress:
        if runs:
            history, declared = read_runs(runs, progress), read_declarations(agents) if agents else {}
        else:
            history, declared = run_on_database(_of_database(parse_since(since or "")))
        tracked = partial(progress.track, description="Judging")
        holidays = _holidays(history)
        result = judge(_rules(), history, declared, tracked, found_by=AUDITOR, holidays=holidays)
    for error in result.errors:
        typer.echo(f"{error.rule} could not judge {printable(error.agent_id)}: {error.error}", err=True)
    if as_json:
        print_json_lines(_as_json(past) for past in result.found)
    elif result.found:
        console().print(_table(result.found))
    else:
        judged = counted(sum(map(len, history.values())), "run")
        typer.echo(f"No findings in {judged} of {counted(len(history), 'agent')}")
    if result.errors:
        raise typer.Exit(1)


def _rules() -> tuple[Rule, ...]:
    settings = get_settings()
    return all_rules(
        failure_streak=settings.audit_failure_streak, silence_streak=settings.audit_silence_streak
    )


def _holidays(history: Runs) -> tuple[Outage, ...]:
    """The public holidays of the time of the runs, where a country is set."""
    times = [runs.times for runs in history.values() if len(runs)]
    if not times:
        return ()
    begin, end = min(each[0] for each in times), max(each[-1] for each in times)
    countries = audit_settings(get_settings()).countries
    return public_holidays(countries, datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC))


async def _of_database(since: datetime) -> tuple[Runs, dict[str, Declaration]]:
    history: Runs = defaultdict(RecordedRuns)
    async with transaction() as session:
        async for chunk in recorded_history.runs_since(session, since):
            for agent_id, run in chunk:
                history[agent_id].add(run)
        return history, await recorded_history.declarations(session)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Bars on stderr where that is a terminal. Meanwhile nothing is garbage that has cycles."""
    gc.disable()
    try:
        with Progress(
            console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
        ) as progress:
            yield progress
    finally:
        gc.enable()


def _as_json(past: PastFinding) -> dict[str, Any]:
    finding = past.finding
    of_many = {"agents": finding.evidence["agents"]} if "agents" in finding.evidence else {}
    return {
        "rule": finding.rule,
        "agent_id": finding.agent_id,
        "opened_at": past.opened_at,
        "closed_at": past.closed_at,
        "message": finding.message,
        **of_many,
    }


def _table(found: list[PastFinding]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("agent", "rule", "opened (UTC)", "closed (UTC)"):
        table.add_column(heading, overflow="fold", min_width=8)
    table.add_column("message", overflow="fold")
    for past in found:
        table.add_row(
            Text(printable(past.finding.agent_id)),
            Text(past.finding.rule),
            f"{past.opened_at:%Y-%m-%d %H:%M}",
            f"{past.closed_at:%Y-%m-%d %H:%M}" if past.closed_at else "still open",
            Text(past.finding.message),
        )
    return table
