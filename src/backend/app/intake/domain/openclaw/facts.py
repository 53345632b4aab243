"""What an event of OpenClaw tells: the forms in which it is recorded, or kept on disk until it can be.

No fact holds a prompt or a command line, unless these are to be stored, and credentials in texts are masked.
"""

from typing import Any

from msgspec import Struct


class RunFact(Struct, frozen=True, tag="run"):
    """A finished run. Moments are milliseconds since 1970; `agent` is the id that OpenClaw has for it.

    `agent` is None where the event names none, `session_key` where the run had no session.
    """

    job_id: str
    run_at_ms: int
    source: str
    status: str
    actions: dict[str, Any]
    agent: str | None = None
    finished_at_ms: int | None = None
    session_key: str | None = None


class AlertFact(Struct, frozen=True, tag="alert"):
    """What a failure alert says of a run, which is less: not even whose it is."""

    job_id: str
    run_at_ms: int
    status: str
    actions: dict[str, Any]


class JobFact(Struct, frozen=True, tag="job"):
    """A job. `schedule` is OpenClaw's own object of one; `next_run_at_ms` when it comes next.

    `is_system` is a job that the gateway keeps for itself, of which no run is recorded. `is_irregular` is one
    that comes at other times than its schedule says. `is_change` is word of the job itself rather than of its
    run. A plugin's word of the agent (`from_plugin`) wins: it knows the gateway's default one, and may name
    another.
    """

    job_id: str
    name: str | None = None
    agent: str | None = None
    enabled: bool = True
    is_system: bool = False
    is_irregular: bool = False
    schedule: dict[str, Any] | None = None
    next_run_at_ms: int | None = None
    is_change: bool = False
    from_plugin: bool = False


class JobListFact(Struct, frozen=True, tag="jobs"):
    """All jobs of a gateway."""

    jobs: list[JobFact]


class JobGoneFact(Struct, frozen=True, tag="gone"):
    """A job that was deleted."""

    job_id: str


class ToolFailureFact(Struct, frozen=True, tag="tool"):
    """A tool that failed within a run, of which the run's own status says nothing."""

    session_key: str
    job_id: str
    failure: dict[str, Any]


class UnknownFact(Struct, frozen=True, tag="unknown"):
    """What is not understood, why, and what may be kept of it."""

    reason: str
    body: Any = None


class NoRunFact(Struct, frozen=True, tag="no_run"):
    """What is understood and tells of no finished run: a start, a schedule, a heartbeat."""

    what: str


Fact = RunFact | AlertFact | JobFact | JobListFact | JobGoneFact | ToolFailureFact | UnknownFact | NoRunFact


def run_key(job_id: str, run_at_ms: int) -> str:
    """The key that names a run of OpenClaw in every source: `openclaw:<jobId>:<runAtMs>`."""
    return f"openclaw:{job_id}:{run_at_ms}"
