"""Wire types of trends in quality, and of the feedback to agents."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.quality.domain.trend import Verdict

_FROM_ATTRIBUTES = ConfigDict(from_attributes=True)


class TrendOut(BaseModel):
    """Mean scores, 0 to 1, of the window up to now and of the one before, and what to make of them."""

    model_config = _FROM_ATTRIBUTES

    verdict: Verdict
    mean: float | None
    runs: int
    previous_mean: float | None
    previous_runs: int
    change: float | None = Field(description="Null where nothing is compared.")
    interval: tuple[float, float] | None = Field(
        description="Where the true change lies, with a confidence of 95 %."
    )
    scorer_changed: bool = Field(description="Whether another scorer than before scored over a fifth.")


class QualityOut(BaseModel):
    """How scores went: the fleet's with every agent's, or one agent's; and by dimension."""

    model_config = _FROM_ATTRIBUTES

    generated_at: datetime
    days: int = Field(description="The length of either window.")
    agent_id: str | None = Field(description="Null for the fleet.")
    overall: TrendOut
    dimensions: dict[str, TrendOut]
    agents: dict[str, TrendOut] = Field(
        description="Each agent of the fleet, in whole hours, those that declined first."
    )
    scorers: dict[str, int] = Field(description="How many runs each scorer scored, and `people` rated.")
    previous_scorers: dict[str, int]
    sampled: bool = Field(
        description="Whether dimensions and scorers stand on the newest 200 runs of each day alone."
    )


class ExampleOut(BaseModel):
    """A run of the agent's own that did well."""

    model_config = _FROM_ATTRIBUTES

    run_id: UUID
    ran_at: datetime
    score: float
    quote: str


class LackOut(BaseModel):
    """A dimension in which `runs` of `of` runs fell short."""

    model_config = _FROM_ATTRIBUTES

    dimension: str
    mean: float
    runs: int
    of: int
    next_time: str = Field(description="What to do next time, in one sentence.")
    example: ExampleOut | None


class CommentOut(BaseModel):
    """What a person wrote of a run."""

    model_config = _FROM_ATTRIBUTES

    run_id: UUID
    commented_at: datetime
    rating: float
    text: str


class StrengthOut(BaseModel):
    """A dimension in which the agent does well."""

    model_config = _FROM_ATTRIBUTES

    dimension: str
    mean: float
    praise: str


class AgentFeedbackOut(BaseModel):
    """What an agent's newest scored runs of 7 days lacked, the most costly first, and what was good.

    Texts of reports and comments are quoted: on one line, shortened, masked, and without those that carry
    instructions.
    """

    model_config = _FROM_ATTRIBUTES

    agent_id: str
    runs: int = Field(description="How many runs were looked at, at most 50.")
    trend: TrendOut
    lacks: list[LackOut]
    comments: list[CommentOut]
    comments_left_out: int = Field(description="How many were not fit to be quoted in a prompt.")
    strengths: list[StrengthOut]
