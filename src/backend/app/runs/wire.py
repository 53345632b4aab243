"""Wire types of the run log."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.kit.storable import Name, StorableObject

AgentId = Name
Status = Literal["success", "partial", "failed"]


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


class RunDetail(RunOut):
    """One row of the log, and what every scorer made of it, the latest first."""

    scoring: ScoringOut
    scores: list[ResultOut]


class RunPage(BaseModel):
    """Runs, newest first. Pass `next_cursor` as `cursor` for the page after; null on the last."""

    runs: list[RunOut]
    next_cursor: str | None
