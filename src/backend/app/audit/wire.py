"""Wire types of the Auditor."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.kit.storable import STORABLE, Name
from app.models import AuditFinding


class FindingOut(BaseModel):
    """One incident of one agent, from when it opened to when it closed."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    rule: str = Field(examples=["stopped_reporting", "consecutive_failures", "silent_runs"])
    severity: str = Field(examples=["critical", "high", "medium", "low"])
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
    def of(cls, finding: AuditFinding, muted: Collection[str]) -> Self:
        """A finding, where `muted` are the agents that are."""
        return cls.model_validate(finding).model_copy(update={"muted": finding.agent_id in muted})


class FindingNow(FindingOut):
    """A finding of what is judged now."""

    id: UUID | None = Field(description="Null where no cycle has stored it yet.")  # type: ignore[assignment]


class NotJudged(BaseModel):
    """A rule crashed on an agent: whether it would find something is not known."""

    model_config = ConfigDict(from_attributes=True)

    rule: str
    agent_id: str
    error: str


class JudgementOut(BaseModel):
    """What the Auditor finds now, newest first. `agents` counts those that were judged."""

    judged_at: datetime
    agents: int
    findings: list[FindingNow]
    not_judged: list[NotJudged]
    last_cycle_at: datetime | None = Field(description="When findings were last stored and announced.")
    interval_seconds: float = Field(description="How often that is done while `runlog beat` runs.")


class AcknowledgementIn(BaseModel):
    """Who knows of a finding, so that no alert reminds of it."""

    by: Name
    note: Annotated[str, StringConstraints(max_length=2000, pattern=STORABLE)] | None = None


class FindingList(BaseModel):
    """Findings, newest first."""

    findings: list[FindingOut]
