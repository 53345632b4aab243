"""The files a backtest reads: runs, and what is declared of agents."""

import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from rich.progress import Progress

from app.audit.cadence import DEFAULT_TIMEZONE
from app.audit.domain.history import ReportedRun
from app.audit.domain.recorded import RecordedRuns
from app.audit.domain.replay import Declaration
from app.errors import InputFileError
from app.runs.run import MAX_AGENT_ID
from app.runs.silence import is_silent
from app.runs.usage import usage_of

_SUMMARY_LENGTH = 200
_LINES_SHOWN = 1_000  # lines between two movements of the bar, which cost more than a line

AgentId = Annotated[str, Meta(pattern=r"\S", max_length=MAX_AGENT_ID)]


class _Scores(Struct):
    overall: float | None = None


class _Line(Struct):
    agent_id: AgentId
    status: Literal["success", "partial", "failed"]
    created_at: datetime
    actions_taken: dict[str, Any] | None = None
    id: str | None = None
    rlhf_scores: _Scores | None = None


class _Agent(Struct):
    agent_id: AgentId
    schedule: str | None = None
    timezone: str = DEFAULT_TIMEZONE
    grace_seconds: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    paused: bool = False
    registered_at: datetime | None = None


class _Agents(Struct):
    agents: list[_Agent]


def read_runs(path: Path, progress: Progress) -> dict[str, RecordedRuns]:
    """Each agent's runs in order. Raises `InputFileError` naming the first line that is no run."""
    history: dict[str, RecordedRuns] = defaultdict(RecordedRuns)
    decode = msgspec.json.Decoder(_Line).decode
    for number, line in _lines(path, progress):
        try:
            run = decode(line)
        except msgspec.MsgspecError as error:
            raise InputFileError(f"{path}, line {number}: no run ({error})") from error
        if not _is_in_range(run.created_at):
            raise InputFileError(f"{path}, line {number}: no run (created_at is out of range)")
        actions = run.actions_taken or {}
        summary, silent = actions.get("summary"), is_silent(actions)
        history[run.agent_id.strip()].add(
            ReportedRun(
                run.id or "",
                run.status,
                _utc(run.created_at),
                int(silent),
                summary[:_SUMMARY_LENGTH] if isinstance(summary, str) else "",
                run.rlhf_scores.overall if run.rlhf_scores else None,
                silent,
                usage_of(actions),
            )
        )
    for runs in history.values():
        runs.sort()
    return history


def read_declarations(path: Path) -> dict[str, Declaration]:
    """What a JSON array of agents declares. Raises `InputFileError` for anything else."""
    try:
        agents = msgspec.json.decode(path.read_bytes(), type=list[_Agent] | _Agents)
    except OSError as error:
        raise InputFileError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputFileError(f"{path}: no array of agents ({error})") from error
    listed = agents.agents if isinstance(agents, _Agents) else agents
    if any(agent.registered_at and not _is_in_range(agent.registered_at) for agent in listed):
        raise InputFileError(f"{path}: no array of agents (registered_at is out of range)")
    return {
        agent.agent_id.strip(): Declaration(
            agent.schedule,
            agent.timezone,
            None if agent.grace_seconds is None else timedelta(seconds=agent.grace_seconds),
            agent.paused,
            None if agent.registered_at is None else _utc(agent.registered_at),
        )
        for agent in listed
    }


def _lines(path: Path, progress: Progress) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers."""
    try:
        with path.open("rb") as file:
            task, read = progress.add_task("Reading", total=os.fstat(file.fileno()).st_size), 0
            for number, line in zip(count(1), file, strict=False):
                read += len(line)
                if number % _LINES_SHOWN == 0:
                    progress.update(task, completed=read)
                if not line.isspace():
                    yield number, line
    except OSError as error:
        raise InputFileError(f"cannot read {path}: {error.strerror}") from error


def _is_in_range(moment: datetime) -> bool:
    return 1970 <= moment.year < 9000


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
