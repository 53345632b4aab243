"""Wire types of the Auditor."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.kit.storable import STORABLE, Name
from app.models import AuditFinding


class FindingOut(BaseModel):
    """One incident of one agent, from when it opened to when it closed."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    rule: str = Field(examples=["stopped_reporting", "consecutive_failures", "silent_runs"])
    severity: str = Field(examples=["high", "medium", "low"])
    agent_id: str
    message: str = Field(description="What is wrong, in one sentence.")
    evidence: dict[str, Any] = Field(description="What it was judged by: run ids, counts, expected times.")
    opened_at: datetime
    closed_at: datetime | None = Field(description="Null while it is open.")
    closing_evidence: dict[str, Any] | None = Field(
        description="Why it closed: a `reason`, and the `run` that ended it where one did."
    )
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledgement_note: str | None
    muted: bool = Field(False, description="Whether no alert goes out about this agent.")
    notified_at: datetime | None = Field(description="When an alert about it last went out.")

    @classmethod
    def of(cls, finding: AuditFinding, muted: Collection[str]) -> "FindingOut":
        """A finding, where `muted` are the agents that are."""
        return cls.model_validate(finding).model_copy(update={"muted": finding.agent_id in muted})


class AcknowledgementIn(BaseModel):
    """Who knows of a finding, so that no alert reminds of it."""

    by: Name
    note: Annotated[str, StringConstraints(max_length=2000, pattern=STORABLE)] | None = None


class FindingList(BaseModel):
    """Findings, newest first."""

    findings: list[FindingOut]
