"""`runlog agents`: how each is doing; declare, pause and mute them, and remove what is declared."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import typer
from msgspec import Raw
from rich.table import Table
from rich.text import Text

from app.cli.answers import Agent, AgentList, decoded
from app.cli.api_client import Api, path_of
from app.cli.log_api import open_api
from app.cli.output import console, parse_until, print_json
from app.errors import NotFoundError
from app.kit.text import ago, at, in_words, parse_span, printable

_STYLES = {"down": "red", "unknown": "yellow", "paused": "dim", "up": "green"}
# Characters that a column keeps on a narrow terminal: what is longer goes on below.
_WIDTHS = {"agent": 8, "state": 7, "last run": 8, "status": 7, "score 7d": 5, "reports": 8}
_TROUBLE_FIRST = ("down", "unknown", "new", "up", "paused")
_RESUMED = {"paused": False, "paused_until": None}


def show(as_json: bool) -> None:
    """Print how every agent is doing, those in trouble first."""
    with open_api() as api:
        found = list(_listed(api))
    if as_json:
        for agent in found:
            print_json(bytes(agent).decode())
    elif found:
        agents = [decoded(agent, Agent) for agent in found]
        console().print(_table(sorted(agents, key=_trouble)))
    else:
        typer.echo("No agent has reported or is declared. Report a run: runlog report sage success")


def _listed(api: Api) -> Iterator[Raw]:
    """Every agent, page by page."""
    cursor: str | None = None
    while True:
        page = decoded(api.request("GET", path_of("agents"), query={"cursor": cursor}), AgentList)
        yield from page.agents
        cursor = page.next_cursor
        if cursor is None:
            return


def _trouble(agent: Agent) -> int:
    """Its place in the list; a state that only a newer server knows comes first."""
    return _TROUBLE_FIRST.index(agent.state) if agent.state in _TROUBLE_FIRST else -1


def declare(agent: str, given: Mapping[str, str | None]) -> None:
    """Declare what is given of an agent; whatever else is declared of it stays, and an empty text unsets.

    `given` are the options of `runlog agents set` by name. Raises `typer.BadParameter` for what is none.
    """
    changes = _changes({name: text.strip() for name, text in given.items() if text is not None})
    if not changes:
        raise typer.BadParameter("say what to set, such as --role Backend or --every 15m")
    path = path_of("agents", agent)
    with open_api() as api:
        try:
            api.request("PATCH", path, body=changes)
        except NotFoundError:  # it is declared before its first run
            api.request("PUT", path, body=changes)
        declared = decoded(api.request("GET", path), Agent)
    typer.echo(f"{printable(agent)} is declared: {_in_words(declared)}")


def _changes(given: Mapping[str, str]) -> dict[str, Any]:
    """What the API takes: null for an empty text, but for a time zone, which then is UTC."""
    if given.get("every") and given.get("cron"):
        raise typer.BadParameter("--every and --cron are two schedules: give one of them")
    changes: dict[str, Any] = {}
    for name, text in given.items():
        match name:
            case "every":
                changes["schedule"] = f"every {text}" if text else None
            case "cron":
                changes["schedule"] = text or None
            case "timezone":
                changes["timezone"] = text or "UTC"
            case "grace":
                changes["grace_seconds"] = _seconds(text) if text else None
            case "pause_until":
                changes |= {"paused": False, "paused_until": parse_until(text) if text else None}
            case _:
                changes[name] = text or None
    return changes


def _seconds(text: str) -> int:
    span = parse_span(text)
    if span is None:
        raise typer.BadParameter(f"{text!r} is no duration such as 10m or 2h")
    return int(span.total_seconds())


def _in_words(agent: Agent) -> str:
    """What is declared of an agent."""
    parts = [agent.display_name, agent.role, agent.schedule]
    if agent.schedule and not agent.schedule.startswith("every "):
        parts.append(agent.timezone)
    if agent.grace_seconds is not None:
        parts.append(f"{in_words(timedelta(seconds=agent.grace_seconds))} of grace")
    if agent.paused_until:
        parts.append(f"paused until {at(agent.paused_until, datetime.now(UTC))}")
    return ", ".join(printable(part) for part in parts if part)


def pause(agent: str, until: str | None) -> None:
    """Pause an agent; `until` is as `parse_until` has it. Raises `NotFoundError`, as the others here do."""
    moment = parse_until(until) if until else None
    _change(agent, {"paused": moment is None, "paused_until": moment})
    ends = f"until {moment:%Y-%m-%d %H:%M} UTC" if moment else "until it is resumed"
    typer.echo(f"{printable(agent)} is paused {ends}")


def resume(agent: str) -> None:
    """End an agent's pause."""
    _change(agent, _RESUMED)
    typer.echo(f"{printable(agent)} is watched")


def remove(agent: str) -> None:
    """Take back what is declared of an agent."""
    with open_api() as api, _known(api, agent):
        api.request("DELETE", path_of("agents", agent))
    typer.echo(f"{printable(agent)} is no longer declared; its runs stay")


def mute(agent: str) -> None:
    """Send no alert about an agent."""
    _change(agent, {"muted": True})
    typer.echo(f"{printable(agent)} is muted")


def unmute(agent: str) -> None:
    """Send alerts about an agent again."""
    _change(agent, {"muted": False})
    typer.echo(f"{printable(agent)} is not muted")


def _change(agent: str, changes: Mapping[str, Any]) -> None:
    # Not declared where it is not known: a slip of the keyboard would be missed then.
    with open_api() as api, _known(api, agent):
        api.request("PATCH", path_of("agents", agent), body=changes)


@contextmanager
def _known(api: Api, agent: str) -> Iterator[None]:
    """Say of an agent that is not found whether there is none, or what else is missing."""
    try:
        yield
    except NotFoundError as error:
        try:
            api.request("GET", path_of("agents", agent))
        except NotFoundError:
            raise NotFoundError(f"no agent {printable(agent)} has reported or is declared") from error
        raise


def _table(agents: Sequence[Agent]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("agent", "state", "last run", "status", "score 7d"):
        table.add_column(heading, overflow="fold", min_width=_WIDTHS[heading])
    table.add_column("reports", overflow="fold", min_width=_WIDTHS["reports"])
    now = datetime.now(UTC)
    for agent in agents:
        run, quality = agent.last_run, agent.rlhf_quality_score_7d
        table.add_row(
            Text(_named(agent)),
            Text(agent.state, style=_STYLES.get(agent.state, "")),
            ago(run.ran_at, now) if run else "-",
            Text(_went(agent)),
            "-" if quality is None else f"{quality:.2f}",
            Text(printable(agent.cadence or "-")),
        )
    return table


def _named(agent: Agent) -> str:
    """Its id, and that another looks like it, with what cannot be seen escaped."""
    if not agent.similar_to:
        return printable(agent.agent_id)
    others = ", ".join(ascii(other) for other in agent.similar_to)
    return f"{agent.agent_id!a} (like {others})"


def _went(agent: Agent) -> str:
    """How its newest run went, and how many before it went so too."""
    if agent.last_run is None:
        return "-"
    if agent.consecutive_failures > 1:
        return f"failed {agent.consecutive_failures} times"
    if agent.consecutive_silences > 1:
        return f"silent {agent.consecutive_silences} times"
    return printable(agent.last_run.status)
