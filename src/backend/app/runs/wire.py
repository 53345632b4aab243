"""Wire types of the run log."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from app.kit.storable import Name, StorableObject

AgentId = Name
Status = Literal["success", "partial", "failed"]

VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,255}")
"""A run key."""

SOURCE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?")
"""Who reports a run: a name in ASCII."""

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No run was before: a clock that says so was never set."""

LARGEST_LEAD = timedelta(days=1)
"""By which the clock of another host may be ahead of ours, at most."""


_NO_MOMENT = "not a date and time with an offset, such as 2026-11-30T08:15:00Z"


def reported_moment(text: object) -> datetime:
    """The moment that a report names, in UTC. Raises `ValueError` for what names none, or one far off."""
    try:
        moment = datetime.fromisoformat(text.upper() if isinstance(text, str) else "")
        moment = moment.astimezone(UTC) if moment.tzinfo else moment
    except (ValueError, OverflowError) as error:
        raise ValueError(_NO_MOMENT) from error
    if moment.tzinfo is None:
        raise ValueError(_NO_MOMENT)
    if moment < EARLIEST:
        raise ValueError("the time is before the year 2000: is the clock of the host set?")
    if moment > datetime.now(UTC) + LARGEST_LEAD:
        raise ValueError("the time is more than a day ahead of the server's clock")
    return moment


ReportedMoment = Annotated[
    datetime, BeforeValidator(reported_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""A moment by the clock of the host that reports: RFC 3339 with an offset, not far off."""

RunKey = Annotated[str, StringConstraints(pattern=f"^{VISIBLE_ASCII.pattern}$")]
"""What names a run, in the scope of its agent: visible ASCII."""


RUN_ID_BEGINNING = r"^[0-9A-Fa-f]{1,8}[0-9A-Fa-f-]{0,28}$"
"""What may be the beginning of a run's id, with or without its hyphens."""


class RunId(BaseModel):
    """Which run it is."""

    id: UUID


class RunIn(BaseModel):
    """A finished run, as an agent reports it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "agent_id": "sage",
                    "status": "success",
                    "actions_taken": {
                        "summary": "Fixed database connection pool leak in session.py",
                        "files_changed": ["src/backend/app/db/session.py"],
                        "tests_run": 14,
                        "tests_passed": 14,
                        "pr_created": "#3456",
                    },
                }
            ]
        }
    )

    agent_id: AgentId = Field(description="Which agent ran. Trimmed of white space; must not be empty.")
    status: Status
    actions_taken: StorableObject | None = Field(
        default_factory=dict,
        description="What it did: any JSON object, by convention with a `summary` string. Null is `{}`.",
    )
    run_key: RunKey | None = Field(
        None,
        description="Names the run, as the header Idempotency-Key does: it is one row, however often and by"
        " however many sources it is reported.",
    )
    source: Annotated[str, Field(pattern=f"^{SOURCE.pattern}$")] | None = Field(
        None,
        description="Who reports it, such as `openclaw-plugin`; by default the agent itself. What several"
        " sources say of one run is merged.",
    )
    started_at: ReportedMoment | None = Field(None, description="When it began, with an offset (RFC 3339).")
    finished_at: ReportedMoment | None = Field(
        None, description="When it ended, which a report that comes late was long after."
    )


class RunOut(BaseModel):
    """One row of the log."""

    id: UUID
    agent_id: str
    run_at: datetime
    action_summary: str | None
    actions_taken: dict[str, Any] | None
    status: str
    consecutive_silence_count: int
    rlhf_scores: dict[str, Any] | None
    created_at: datetime | None


class ScoringOut(BaseModel):
    """Where the run stands on its way to a score; an error with its attempts, and when it is tried again."""

    state: Literal["queued", "scoring", "scored", "error"]
    attempts: int | None = None
    error: str | None = None
    retry_at: datetime | None = None


class ResultOut(BaseModel):
    """What one version of a scorer made of the run: a score, or an error."""

    scorer: str
    version: str
    scored_at: datetime
    auto: float | None
    dimensions: dict[str, float] | None
    reasons: list[str] | None
    error: str | None
    attempts: int
    retry_at: datetime | None


class SourceOut(BaseModel):
    """What one source reported of the run; `actions_taken` is null where the run's own are these."""

    source: str
    status: str
    actions_taken: dict[str, Any] | None
    started_at: datetime | None
    finished_at: datetime | None
    received_at: datetime


class RunDetail(RunOut):
    """One row of the log: by whom it was reported, and what every scorer made of it, the latest first."""

    started_at: datetime | None
    finished_at: datetime | None
    sources: list[SourceOut]
    scoring: ScoringOut
    scores: list[ResultOut]


class RunPage(BaseModel):
    """Runs, newest first. Pass `next_cursor` as `cursor` for the page after; null on the last."""

    runs: list[RunOut]
    next_cursor: str | None


class RunStartIn(BaseModel):
    """That an agent's run has started."""

    agent_id: AgentId = Field(description="Which agent runs. Trimmed of white space; must not be empty.")
    run_key: RunKey | None = Field(
        None,
        description="The key that its report will have. Without one, the agent's next report ends the run.",
    )
    started_at: ReportedMoment | None = Field(
        None, description="When it started, by its own clock; when left out, when the signal comes."
    )
