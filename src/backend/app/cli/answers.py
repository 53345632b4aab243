"""The API's answers as commands show them: what is needed of each, with its JSON where that is printed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

import msgspec

from app.errors import ServerError

T = TypeVar("T")

_NULL = b"null"
# Levels that msgspec may go down, past Python's limit: as deep as PostgreSQL keeps what other programs wrote.
_DEPTH = 20_000


class LoggedRun(msgspec.Struct):
    """A row of the log. A date that Python does not have stays text."""

    id: str
    agent_id: str
    status: str
    action_summary: str | None
    run_at: str | None
    created_at: str | None
    consecutive_silence_count: int
    rlhf_scores: msgspec.Raw
    actions_taken: msgspec.Raw

    @property
    def created(self) -> datetime | str | None:
        """When it was recorded."""
        return _moment(self.created_at)

    @property
    def ran(self) -> datetime | str | None:
        """When it ran."""
        return _moment(self.run_at)

    @property
    def is_scored(self) -> bool:
        """Whether a scorer has dealt with it."""
        return not is_null(self.rlhf_scores)


class Scoring(msgspec.Struct):
    """Where a run stands on its way to a score."""

    state: str
    band: str | None = None
    meaning: str | None = None


class RunInFull(LoggedRun, kw_only=True):
    """A row of the log, and where its score stands."""

    scoring: Scoring


class RunPage(msgspec.Struct):
    """A page of runs as JSON, newest first."""

    runs: list[msgspec.Raw]
    next_cursor: str | None


class LastRun(msgspec.Struct):
    """An agent's newest run."""

    status: str
    ran_at: datetime


class Agent(msgspec.Struct):
    """An agent as it stands."""

    agent_id: str
    display_name: str
    role: str | None
    schedule: str | None
    timezone: str | None
    grace_seconds: int | None
    paused: bool
    paused_until: datetime | None
    state: str
    cadence: str | None
    last_run: LastRun | None
    consecutive_failures: int
    consecutive_silences: int
    rlhf_quality_score_7d: float | None
    similar_to: list[str]


class AgentList(msgspec.Struct):
    """Agents as JSON, by id."""

    agents: list[msgspec.Raw]
    next_cursor: str | None = None


class Finding(msgspec.Struct):
    """What is wrong with an agent."""

    id: str | None
    rule: str
    severity: str
    agent_id: str
    message: str
    opened_at: datetime
    notified_at: datetime | None
    acknowledged_by: str | None
    muted: bool


class FindingList(msgspec.Struct):
    """Findings, newest first."""

    findings: list[Finding]


class NotJudged(msgspec.Struct):
    """A rule that crashed on an agent."""

    rule: str
    agent_id: str
    error: str


class Judgement(msgspec.Struct):
    """What the Auditor finds now, its findings as JSON."""

    judged_at: datetime
    agents: int
    findings: list[msgspec.Raw]
    not_judged: list[NotJudged]
    last_cycle_at: datetime | None
    interval_seconds: float


class RunId(msgspec.Struct):
    """Which run it is."""

    id: str


def decoded(content: bytes | msgspec.Raw, type_: type[T]) -> T:
    """What the API answered. Raises `ServerError` where it is not of this shape."""
    try:
        with _any_depth():
            return msgspec.json.decode(content, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ServerError(f"the answer cannot be read, so it is of another version: {error}") from error
    except RecursionError as error:
        raise ServerError("the answer is nested too deep to be read") from error


def is_null(value: msgspec.Raw) -> bool:
    """Whether it is JSON's null."""
    return bytes(value) == _NULL


def _moment(text: str | None) -> datetime | str | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return text


@contextmanager
def _any_depth() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(_DEPTH)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
