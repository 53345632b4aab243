"""Wire types of the public Intelligence Dashboard, the peer swarm and Agent Cloud."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from app.kit.storable import STORABLE, Count, Name, StorableObject
from app.runs.wire import AgentId


class MetricSources(BaseModel):
    """What `tasks_completed_today` is the sum of."""

    agent_runs: int
    improvement_loops: int
    agent_cloud_tasks: int


class IntelligenceMetrics(BaseModel):
    """Today's work (UTC) and the week's quality (0 to 1)."""

    tasks_completed_today: int
    tasks_completed_today_sources: MetricSources
    rlhf_quality_score_7d: float | None
    rlhf_quality_score_previous_7d: float | None
    runs_scored_7d: int


class AgentEvent(BaseModel):
    """An agent's most recent run as a card."""

    agent_id: str
    agent: str
    role: str | None
    title: str
    action: str | None
    status: str
    run_status: str
    ran_at: datetime
    ago: str


class Intelligence(BaseModel):
    """The dashboard's data."""

    generated_at: datetime
    metrics: IntelligenceMetrics
    events: list[AgentEvent]
    events_total: int = Field(description="How many agents have a card.")
    next_cursor: str | None = Field(description="Of the page after; null on the last one.")


class HeartbeatIn(BaseModel):
    """A peer's heartbeat; the latest of an agent wins."""

    agent_id: AgentId
    role: Name | None = None
    improvement_loops: Count | None = Field(None, description="This agent's count for the current UTC day.")
    status: Annotated[str, StringConstraints(max_length=64, pattern=STORABLE)] | None = None
    details: StorableObject = Field(default_factory=dict)


class CloudTaskIn(BaseModel):
    """A finished Agent Cloud task; sending it again updates it."""

    task_id: Name
    agent_id: AgentId | None = None
    status: Literal["completed", "failed"]
    details: StorableObject = Field(default_factory=dict)
