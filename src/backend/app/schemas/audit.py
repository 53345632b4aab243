"""Wire types of the Auditor."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class FindingOut(BaseModel):
    """One incident of one agent, from when it opened to when it closed."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    rule: str = Field(examples=["stopped_reporting", "consecutive_failures", "silent_runs"])
    agent_id: str
    message: str = Field(description="What is wrong, in one sentence.")
    evidence: dict[str, Any] = Field(description="What it was judged by: run ids, counts, expected times.")
    opened_at: datetime
    closed_at: datetime | None = Field(description="Null while it is open.")
    closing_evidence: dict[str, Any] | None = Field(
        description="Why it closed: a `reason`, and the `run` that ended it where one did."
    )


class FindingList(BaseModel):
    """Findings, newest first."""

    findings: list[FindingOut]
