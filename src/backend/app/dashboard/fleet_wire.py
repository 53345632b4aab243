"""Wire types of the peer swarm, Agent Cloud and the registry of agents."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from app.kit.storable import STORABLE, Count, Name, StorableObject
from app.runs.wire import AgentId


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
