"""Wire types of the public Intelligence Dashboard."""

from datetime import datetime

from pydantic import BaseModel


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
