"""`runlog runs`."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from app.cli.options import Status
from app.cli.output import console, parse_since, print_json_lines
from app.db.plain_errors import plain_errors
from app.db.session import transaction
from app.kit.text import ago, printable
from app.runs.queries import RunFilters, list_runs

_STYLES = {"success": "green", "partial": "yellow", "failed": "red"}
_POLL_SECONDS = 1.0
# A run's created_at is taken a moment before its commit makes it visible.
_OVERLAP = timedelta(seconds=10)
_MAX_WIDTH = 24


async def _newest(limit: int, filters: RunFilters) -> list[dict[str, Any]]:
    with plain_errors():
        async with transaction() as session:
            return (await list_runs(session, limit=limit, **filters)).runs


def runs(
    agent: str | None, status: Status | None, since: str | None, limit: int, as_json: bool, follow: bool
) -> None:
    """Print the runs that match, and new ones as they come where `follow` is set."""
    moment = parse_since(since) if since else None
    try:
        asyncio.run(_show(agent, status.value if status else None, moment, limit, as_json, follow))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _show(
    agent: str | None, status: str | None, since: datetime | None, limit: int, as_json: bool, follow: bool
) -> None:
    filters = RunFilters(agent_id=agent, status=status, since=since)
    found = await _newest(limit, filters)
    if not follow:
        _print(found, as_json)
        return
    found.reverse()
    _print(found, as_json, follow)
    seen = {run["id"] for run in found}
    # What was left out at first stays out.
    earliest = found[0]["created_at"] if len(found) == limit else since
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        newest = max((run["created_at"] for run in found), default=datetime.now(UTC))
        overlap = newest - _OVERLAP
        recent = await _newest(10_000, {**filters, "since": max(overlap, earliest or overlap)})
        _print([run for run in reversed(recent) if run["id"] not in seen], as_json, follow)
        found, seen = recent or found, {run["id"] for run in recent}


def _print(found: list[dict[str, Any]], as_json: bool, follow: bool = False) -> None:
    if as_json:
        print_json_lines(found)
    elif found:
        console().print(_table(found, follow))


def _table(found: list[dict[str, Any]], follow: bool) -> Table:
    """The runs as a table; to be followed, without a heading and in columns that stay where they are."""
    table = Table(box=None, pad_edge=False, expand=True, show_header=not follow)
    table.add_column("when", no_wrap=True)
    table.add_column("agent", no_wrap=True, max_width=_MAX_WIDTH, min_width=_MAX_WIDTH if follow else None)
    table.add_column("status", no_wrap=True, min_width=len("success"))
    table.add_column("score", no_wrap=True, min_width=len("error"))
    table.add_column("summary", overflow="ellipsis", no_wrap=True, ratio=1)
    now = datetime.now(UTC)
    for run in found:
        table.add_row(
            f"{run['created_at']:%Y-%m-%d %H:%M:%S}" if follow else ago(run["created_at"], now),
            Text(printable(run["agent_id"])),
            Text(run["status"], style=_STYLES.get(run["status"], "")),
            _score(run["rlhf_scores"]),
            Text(printable((run["action_summary"] or "").strip().partition("\n")[0])),
        )
    return table


def _score(scores: Any) -> str:
    if scores is None:
        return "-"
    overall = msgspec.json.decode(scores).get("overall")
    return "error" if overall is None else f"{overall:.2f}"
