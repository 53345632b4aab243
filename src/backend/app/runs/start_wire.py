"""Wire types of the signal that a run has started."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints

from app.kit.moments import UtcMoment
from app.runs.wire import AgentId

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""A clock that is set to a time before is wrong."""

MOST_AHEAD = timedelta(days=1)
"""What a clock may be ahead of the server's: the time zones of the world differ by as much."""

_OFFSET = re.compile(r".*([zZ]|[+-]\d{2}:?\d{2})", re.DOTALL)


def _has_offset(value: object) -> object:
    if isinstance(value, str) and not _OFFSET.fullmatch(value):
        raise ValueError("the time has no UTC offset, such as Z or +02:00")
    return value


def _near(moment: datetime) -> datetime:
    if moment < EARLIEST:
        raise ValueError("the time is before 2000: is the clock right?")
    if moment > datetime.now(UTC) + MOST_AHEAD:
        raise ValueError("the time is more than a day ahead of the server's: is the clock right?")
    return moment


ClientMoment = Annotated[UtcMoment, BeforeValidator(_has_offset), AfterValidator(_near)]
"""A moment by the clock of the machine that sends it: RFC 3339 with an offset, not far off."""

RunKey = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
"""What names a run, in the scope of its agent: visible ASCII."""


class RunStartIn(BaseModel):
    """That an agent's run has started."""

    agent_id: AgentId = Field(description="Which agent runs. Trimmed of white space; must not be empty.")
    run_key: RunKey | None = Field(
        None,
        description="The key that its report will have. Without one, the agent's next report ends the run.",
    )
    started_at: ClientMoment | None = Field(
        None, description="When it started, by its own clock; when left out, when the signal comes."
    )
