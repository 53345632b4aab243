"""Wire types of the registry of agents."""

from collections.abc import Iterable
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from app.agents.status import AgentStatus, State
from app.audit.cadence import DEFAULT_TIMEZONE, parse_schedule
from app.kit.moments import UtcMoment
from app.kit.storable import NOT_BLANK, Count, Name


def _boolean(value: object) -> object:
    # pydantic would take "yes" and 1 for true.
    if not isinstance(value, bool):
        raise ValueError("not a boolean")  # noqa: TRY004  # the one error pydantic reports
    return value


def _unknown_field(name: str, fields: Iterable[str]) -> str:
    known = list(fields)
    close = get_close_matches(name.lower(), known, n=2)
    hint = f"did you mean {' or '.join(close)}?" if close else f"there is {', '.join(known)}"
    return f"unknown field {name[:64]}: {hint}"


class AgentDeclarationIn(BaseModel):
    """What people declare of an agent; what is left out is unset."""

    model_config = ConfigDict(extra="forbid")

    display_name: Name | None = None
    role: Name | None = None
    schedule: Name | None = Field(
        None,
        description="When it runs: cron expressions, one a line or between `;`, Quartz' and AWS' forms and"
        " `@daily` too; or an interval such as `every 15m`, `@every 1h30m` or `rate(10 minutes)`.",
        examples=["*/15 * * * *", "every 2h", "0 0 12 ? * MON-FRI"],
    )
    timezone: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=NOT_BLANK)
    ] = Field(DEFAULT_TIMEZONE, description="The clock of a cron expression.", examples=["Europe/Berlin"])
    grace_seconds: Count | None = Field(None, description="How late a run may be before it is missed.")
    paused: Annotated[bool, BeforeValidator(_boolean)] = Field(
        False, description="A paused agent raises no finding."
    )
    paused_until: UtcMoment | None = Field(
        None, description="A pause until then, which ends by itself: ISO 8601, UTC without an offset."
    )
    muted: Annotated[bool, BeforeValidator(_boolean)] = Field(
        False, description="A muted agent's findings are found and shown, but no alert goes out."
    )

    @model_validator(mode="before")
    @classmethod
    def _fields_are_known(cls, given: Any) -> Any:
        if isinstance(given, dict) and (unknown := sorted(set(given) - set(cls.model_fields))):
            raise ValueError("; ".join(_unknown_field(name, cls.model_fields) for name in unknown[:5]))
        return given

    @field_validator("timezone")
    @classmethod
    def _timezone_is_one(cls, name: str) -> str:
        parse_schedule("every 1d", name)
        return name

    @model_validator(mode="after")
    def _schedule_comes(self) -> "AgentDeclarationIn":
        if self.schedule is not None:
            parse_schedule(self.schedule, self.timezone)
        return self


class LastRun(BaseModel):
    """An agent's newest run."""

    id: str
    status: str
    summary: str | None = Field(description="Its first 2,000 characters.")
    ran_at: datetime


class AgentOut(BaseModel):
    """An agent as it stands. Streaks count its newest runs in a row, failures among the newest 50."""

    agent_id: str
    display_name: str
    role: str | None
    schedule: str | None
    timezone: str | None
    grace_seconds: int | None
    paused: bool = Field(description="Whether it is paused until it is resumed.")
    paused_until: datetime | None
    muted: bool
    state: State = Field(
        description="`new`: no dated run yet; `down`: overdue; `unknown`: overdue in an outage of all."
    )
    cadence: str | None = Field(description="The declared schedule, or the rhythm it showed, in words.")
    next_expected: datetime | None = Field(
        description="When its next report is due by its schedule, or by when it has come so far by its habit;"
        " past where it has not come, null where none is expected."
    )
    running_since: datetime | None = Field(
        description="When the run started that has been under way for longest; null where none is."
    )
    last_run: LastRun | None
    last_success_at: datetime | None
    consecutive_failures: int
    consecutive_silences: int
    rlhf_quality_score_7d: float | None
    runs_scored_7d: int
    similar_to: list[str] = Field(
        description="Other agents whose ids differ in case, Unicode form or unseen characters alone."
    )

    @classmethod
    def of(cls, status: AgentStatus) -> "AgentOut":
        """How an agent stands, on the wire."""
        declared, last = status.declared, status.last_run
        return cls(
            agent_id=status.agent_id,
            display_name=status.identity.name,
            role=status.identity.role,
            schedule=declared.schedule if declared else None,
            timezone=declared.timezone if declared and declared.schedule else None,
            grace_seconds=declared.grace_seconds if declared else None,
            paused=declared.paused if declared else False,
            paused_until=declared.paused_until if declared else None,
            muted=declared.muted if declared else False,
            state=status.state,
            cadence=status.cadence,
            next_expected=status.next_expected,
            running_since=status.running_since,
            last_run=LastRun(id=last.id, status=last.status, summary=last.summary, ran_at=last.created_at)
            if last
            else None,
            last_success_at=status.last_success_at,
            consecutive_failures=status.consecutive_failures,
            consecutive_silences=status.consecutive_silences,
            rlhf_quality_score_7d=status.quality_7d.mean,
            runs_scored_7d=status.quality_7d.runs,
            similar_to=list(status.similar_to),
        )


class AgentList(BaseModel):
    """Agents that reported or are declared, by id, and the cursor of the page after, if there is one."""

    agents: list[AgentOut]
    next_cursor: str | None
