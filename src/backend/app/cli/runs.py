"""`runlog runs`."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import typer
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from app.cli.options import Status
from app.cli.output import console, parse_since, print_json_lines
from app.config import get_settings
from app.db.engine import loads_any_depth
from app.db.plain_errors import plain_errors
from app.db.session import close_database, transaction
from app.errors import ConfigError, DatabaseError
from app.kit.cursors import Cursor
from app.kit.secrets import redact
from app.kit.text import ago, printable
from app.runs.queries import RunFilters, list_runs
from app.runs.scores import overall_score
from app.scoring.domain.bands import LEGEND

T = TypeVar("T")

_STYLES = {"success": "green", "partial": "yellow", "failed": "red"}
_POLL_SECONDS = 1.0
# A run's created_at is taken a moment before its commit makes it visible.
_OVERLAP = timedelta(seconds=10)
_NO_DATE = "no date"
# Characters of an agent's name on a line.
_MIN_WIDTH = 8
_MAX_WIDTH = 24
# Characters of a summary that long names leave room for; where a line has not so many, it stands below.
_SUMMARY_WIDTH = 20
# Characters of an id: its millisecond, and with the next parts of it the run of several in one.
_ID_WIDTHS = (13, 18, 23, 36)
# Characters of a line below which times to be followed are shown without their day.
_WIDE = 80


async def _newest(limit: int, filters: RunFilters) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    with plain_errors():
        async with transaction() as session:
            page = await list_runs(session, limit=limit, **filters)
            found += page.runs
            while page.next_cursor is not None and len(found) < limit:  # a page of long reports ends sooner
                after = Cursor.decode(page.next_cursor)
                page = await list_runs(session, limit=limit - len(found), cursor=after, **filters)
                found += page.runs
    return found


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
        if not found and not as_json:
            typer.echo(_nothing(is_filtered=bool(agent or status or since)))
        if not as_json and any(run["rlhf_scores"] for run in found):
            typer.echo(LEGEND)
        if found and not as_json and get_settings().public_url:
            typer.echo(f"Each in full: {get_settings().pages_url}/runs")
        return
    found.reverse()
    _print(found, as_json, follow)
    # What was left out at first stays out.
    earliest = _newest_moment(found[:1], since) if len(found) == limit else since
    await _follow(found, filters, earliest, as_json)


async def _follow(
    shown: list[dict[str, Any]], filters: RunFilters, earliest: datetime | None, as_json: bool
) -> None:
    """Print new runs for ever, across restarts of the database."""
    seen = {run["id"] for run in shown}
    newest = _newest_moment(shown, datetime.now(UTC))
    is_away = False
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        overlap = newest - _OVERLAP
        try:
            recent = await _newest(10_000, {**filters, "since": max(overlap, earliest or overlap)})
        except (DatabaseError, ConfigError) as error:
            if not is_away:
                typer.echo(f"runlog: waiting, for {printable(redact(str(error)))}", err=True)
            is_away = True
            # A `runlog up` that was started again may be elsewhere.
            await close_database()
            get_settings.cache_clear()
            continue
        is_away = False
        _print([run for run in reversed(recent) if run["id"] not in seen], as_json, follow=True)
        newest = _newest_moment(recent, newest)
        seen = {run["id"] for run in recent} or seen


def _newest_moment(found: list[dict[str, Any]], default: T) -> datetime | T:
    """The newest date of these runs, at most now: new ones are followed beside one that is dated ahead."""
    now = datetime.now(UTC)
    moments = (run["created_at"] for run in found)
    # What Python has no moment for is text.
    return max((min(moment, now) for moment in moments if isinstance(moment, datetime)), default=default)


def _nothing(*, is_filtered: bool) -> str:
    if is_filtered:
        return "No such runs."
    return 'No runs yet. Report one: runlog report sage success --summary "Rotated 3 log files"'


def _print(found: list[dict[str, Any]], as_json: bool, follow: bool = False) -> None:
    if as_json:
        print_json_lines(found)
    elif found:
        out = console()
        out.print(_followed(found, out.width) if follow else _listed(found, out.width))


def _listed(found: list[dict[str, Any]], width: int) -> RenderableType:
    """The runs as a table of `width` characters, with the beginnings of their ids that tell them apart."""
    now = datetime.now(UTC)
    id_width = next(n for n in _ID_WIDTHS if len({str(run["id"])[:n] for run in found}) == len(found))
    ages = [_shown(run["created_at"], lambda moment: ago(moment, now)) for run in found]
    longest = max(cell_len(printable(run["agent_id"])) for run in found)
    room = max(_MIN_WIDTH, min(_MAX_WIDTH, width - _taken(id_width, ages) - _SUMMARY_WIDTH))
    return _table(found, ages, id_width, max(_MIN_WIDTH, min(longest, room)), width)


def _followed(found: list[dict[str, Any]], width: int) -> RenderableType:
    """The runs without a heading, in columns that stay where they are."""
    times = "%Y-%m-%d %H:%M:%SZ" if width >= _WIDE else "%H:%M:%SZ"
    moments = [_shown(run["created_at"], lambda at: f"{at.astimezone(UTC):{times}}") for run in found]
    return _table(found, moments, _ID_WIDTHS[0], _MAX_WIDTH // 2, width, heading=False)


def _taken(id_width: int, times: list[str]) -> int:
    """Characters of a line beside the agent's name and the summary."""
    return id_width + max(map(len, times)) + len("success") + len("error") + 5 * len("  ")


def _shown(moment: datetime | str | None, words: Callable[[datetime], str]) -> str:
    """A run's date in words; one that Python does not have is text already."""
    return words(moment) if isinstance(moment, datetime) else moment or _NO_DATE


def _table(
    found: list[dict[str, Any]],
    times: list[str],
    id_width: int,
    agent_width: int,
    width: int,
    heading: bool = True,
) -> RenderableType:
    """The runs with their times; only the summary is cut, and a long name goes on below.

    Where the line has no room for it, the summary stands below.
    """
    columns = (id_width, max(map(len, times)), agent_width, len("success"), len("error"))
    summaries = [printable((run["action_summary"] or "").strip().partition("\n")[0]) for run in found]
    rows = [_cells(run, time, id_width) for run, time in zip(found, times, strict=True)]
    if width - _taken(id_width, times) - agent_width >= _SUMMARY_WIDTH:
        table = _columns(columns, heading)
        table.expand = True
        table.add_column("summary", overflow="ellipsis", no_wrap=True, ratio=1)
        for cells, summary in zip(rows, summaries, strict=True):
            table.add_row(*cells, Text(summary))
        return table
    parts: list[RenderableType] = []
    for cells, summary in zip(rows, summaries, strict=True):
        table = _columns(columns, heading and not parts)
        table.add_row(*cells)
        below = Text(summary, no_wrap=True, overflow="ellipsis")
        parts += [table, Padding(below, (0, 0, 0, len("  ")))] if summary else [table]
    return Group(*parts)


def _columns(widths: Sequence[int], heading: bool) -> Table:
    table = Table(box=None, pad_edge=False, show_header=heading)
    for name, width in zip(("id", "when", "agent", "status", "score"), widths, strict=True):
        table.add_column(name, overflow="fold", width=width)
    return table


def _cells(run: dict[str, Any], time: str, id_width: int) -> tuple[str, str, Text, Text, str]:
    return (
        str(run["id"])[:id_width],
        time,
        Text(printable(run["agent_id"])),
        Text(printable(run["status"]), style=_STYLES.get(run["status"], "")),
        _score(run["rlhf_scores"]),
    )


def _score(scores: Any) -> str:
    if scores is None:
        return "-"
    overall = overall_score(loads_any_depth(bytes(scores).decode()))
    return "error" if overall is None else f"{overall:.2f}"
