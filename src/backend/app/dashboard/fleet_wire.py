"""Wire types of the peer swarm, Agent Cloud and the registry of agents."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from app.kit.storable import NOT_BLANK, STORABLE, StorableObject
from app.runs.wire import AgentId

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=NOT_BLANK)
]


def _number(value: object) -> object:
    # pydantic would take "5" and true for numbers.
    if isinstance(value, str | bool):
        raise ValueError("not a number")  # noqa: TRY004  # the one error pydantic reports
    return value


Count = Annotated[int, Field(ge=0, le=2**31 - 1), BeforeValidator(_number)]


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
