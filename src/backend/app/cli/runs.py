"""`runlog runs`."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec
import typer
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from app.cli.answers import LoggedRun, RunPage, decoded
from app.cli.api_client import Api, path_of
from app.cli.log_api import open_api, public_pages
from app.cli.options import Status
from app.cli.output import console, parse_since, print_json
from app.errors import ConfigError, DatabaseError, RunLogError, ServerUnavailableError
from app.kit.text import ago, printable
from app.runs.scores import overall_score
from app.scoring.domain.bands import LEGEND

T = TypeVar("T")
Filters = Mapping[str, str | int | None]

_STYLES = {"success": "green", "partial": "yellow", "failed": "red"}
_POLL_SECONDS = 1.0
# A run's created_at is taken a moment before its commit makes it visible.
_OVERLAP = timedelta(seconds=10)
# Runs that the API gives at once, and that are shown of those which came between two looks.
_PAGE = 1000
_MOST_NEW = 10_000
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


def runs(
    agent: str | None, status: Status | None, since: str | None, limit: int, as_json: bool, follow: bool
) -> None:
    """Print the runs that match, and new ones as they come where `follow` is set."""
    moment = parse_since(since) if since else None
    filters = {
        "agent_id": agent,
        "status": status.value if status else None,
        "since": moment.isoformat() if moment else None,
    }
    try:
        if follow:
            _follow(filters, moment, limit, as_json)
        else:
            _list(filters, limit, as_json)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _list(filters: Filters, limit: int, as_json: bool) -> None:
    with open_api() as api:
        found = _newest(api, limit, filters)
    _print(found, as_json)
    if as_json:
        return
    if not found:
        typer.echo(_nothing(is_filtered=any(filters.values())))
    if any(run.is_scored for run in map(_run, found)):
        typer.echo(LEGEND)
    if found and (pages := public_pages()):
        typer.echo(f"Each in full: {pages}/runs")


def _newest(api: Api, limit: int, filters: Filters) -> list[msgspec.Raw]:
    """The newest `limit` runs that match as JSON, newest first."""
    found: list[msgspec.Raw] = []
    cursor = None
    while True:
        query = {**filters, "limit": min(limit - len(found), _PAGE), "cursor": cursor}
        page = decoded(api.request("GET", path_of("agent-run-log"), query=query), RunPage)
        found += page.runs
        cursor = page.next_cursor
        if cursor is None or len(found) >= limit:  # a page of long reports ends sooner
            return found


def _follow(filters: Filters, since: datetime | None, limit: int, as_json: bool) -> None:
    """Print the newest runs that match, oldest first, and new ones for ever.

    1. Print those there are. Dates are compared with the log's own: other clocks may differ from it.
    2. Look for new ones, by what came since the newest but for a short overlap.
    3. Where the server or the database is away, wait for it, and find it again: it may be elsewhere.
    """
    with open_api() as api:
        found = _newest(api, limit, filters)
        newest = _newest_moment(map(_run, found or _newest(api, 1, {})), datetime.now(UTC))
    found.reverse()
    _print(found, as_json, follow=True)
    shown = [_run(run) for run in found]
    # What was left out at first stays out.
    earliest = _newest_moment(shown[:1], since) if len(shown) == limit else since
    new_runs = _NewRuns(filters, earliest, newest, {run.id for run in shown})
    is_away = False
    while True:
        try:
            with open_api() as api:
                while True:
                    time.sleep(_POLL_SECONDS)
                    _print(new_runs.look(api), as_json, follow=True)
                    is_away = False
        except (ServerUnavailableError, DatabaseError, ConfigError) as error:
            if not is_away:
                _say_away(error)
            is_away = True
            time.sleep(_POLL_SECONDS)


@dataclass
class _NewRuns:
    """Which runs that match were not seen yet: none before `earliest`; `newest` is the date of the last."""

    filters: Filters
    earliest: datetime | None
    newest: datetime
    seen: set[str]

    def look(self, api: Api) -> list[msgspec.Raw]:
        """The new ones as JSON, oldest first."""
        overlap = self.newest - _OVERLAP
        since = max(overlap, self.earliest or overlap).isoformat()
        found = [
            (raw, _run(raw)) for raw in reversed(_newest(api, _MOST_NEW, {**self.filters, "since": since}))
        ]
        new = [raw for raw, run in found if run.id not in self.seen]
        self.newest = _newest_moment((run for _, run in found), self.newest)
        self.seen = {run.id for _, run in found} or self.seen
        return new


def _say_away(error: RunLogError) -> None:
    from app.kit.secrets import redact  # its patterns take long to compile: only for an error

    typer.echo(f"runlog: waiting, for {printable(redact(str(error)))}", err=True)


def _newest_moment(found: Iterable[LoggedRun], default: T) -> datetime | T:
    """The newest date of these runs, at most now: new ones are followed beside one that is dated ahead."""
    now = datetime.now(UTC)
    moments = (run.created for run in found)
    # What Python has no moment for is text.
    return max((min(moment, now) for moment in moments if isinstance(moment, datetime)), default=default)


def _run(found: msgspec.Raw) -> LoggedRun:
    return decoded(found, LoggedRun)


def _nothing(*, is_filtered: bool) -> str:
    if is_filtered:
        return "No such runs."
    return 'No runs yet. Report one: runlog report sage success --summary "Rotated 3 log files"'


def _print(found: Sequence[msgspec.Raw], as_json: bool, follow: bool = False) -> None:
    if as_json:
        for run in found:
            print_json(bytes(run).decode())
    elif found:
        out, rows = console(), [_run(run) for run in found]
        out.print(_followed(rows, out.width) if follow else _listed(rows, out.width))


def _listed(found: Sequence[LoggedRun], width: int) -> RenderableType:
    """The runs as a table of `width` characters, with the beginnings of their ids that tell them apart."""
    now = datetime.now(UTC)
    id_width = next(n for n in _ID_WIDTHS if len({run.id[:n] for run in found}) == len(found))
    ages = [_shown(run.created, lambda moment: ago(moment, now)) for run in found]
    longest = max(cell_len(printable(run.agent_id)) for run in found)
    room = max(_MIN_WIDTH, min(_MAX_WIDTH, width - _taken(id_width, ages) - _SUMMARY_WIDTH))
    return _table(found, ages, id_width, max(_MIN_WIDTH, min(longest, room)), width)


def _followed(found: Sequence[LoggedRun], width: int) -> RenderableType:
    """The runs without a heading, in columns that stay where they are."""
    times = "%Y-%m-%d %H:%M:%SZ" if width >= _WIDE else "%H:%M:%SZ"
    moments = [_shown(run.created, lambda at: f"{at.astimezone(UTC):{times}}") for run in found]
    return _table(found, moments, _ID_WIDTHS[0], _MAX_WIDTH // 2, width, heading=False)


def _taken(id_width: int, times: list[str]) -> int:
    """Characters of a line beside the agent's name and the summary."""
    return id_width + max(map(len, times)) + len("success") + len("error") + 5 * len("  ")


def _shown(moment: datetime | str | None, words: Callable[[datetime], str]) -> str:
    """A run's date in words; one that Python does not have is text already."""
    return words(moment) if isinstance(moment, datetime) else moment or _NO_DATE


def _table(
    found: Sequence[LoggedRun],
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
    summaries = [printable((run.action_summary or "").strip().partition("\n")[0]) for run in found]
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


def _cells(run: LoggedRun, time: str, id_width: int) -> tuple[str, str, Text, Text, str]:
    return (
        run.id[:id_width],
        time,
        Text(printable(run.agent_id)),
        Text(printable(run.status), style=_STYLES.get(run.status, "")),
        _score(run),
    )


def _score(run: LoggedRun) -> str:
    if not run.is_scored:
        return "-"
    try:
        # As floats, numbers that are longer than Python takes are no scores either.
        overall = overall_score(json.loads(bytes(run.rlhf_scores), parse_int=float))
    except RecursionError:
        overall = None
    return "error" if overall is None else f"{overall:.2f}"
