"""Wire types of scoring: how it stands, people's ratings, and the reward model."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.kit.storable import NOT_BLANK, STORABLE
from app.models import RewardModelVersion


class BackfillOut(BaseModel):
    """A backfill and how far it has come; `runs` is about how many there are in its window."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    scorer: str
    version: str
    since: datetime
    until: datetime
    runs: int
    scored: int
    skipped: int
    failed: int
    error: str | None
    opened_at: datetime
    finished_at: datetime | None


class CountOut(BaseModel):
    """A number of runs or results; without `exact` at least or about so many."""

    model_config = ConfigDict(from_attributes=True)

    runs: int
    exact: bool


class ReasonOut(BaseModel):
    """Why scorers failed at runs; `retried` of them are tried again, first at `retry_at`."""

    model_config = ConfigDict(from_attributes=True)

    scorer: str
    error: str
    runs: int
    retried: int
    retry_at: datetime | None


class VersionOut(CountOut):
    """How many runs have a result of a scorer's version."""

    scorer: str
    version: str


class StatusOut(BaseModel):
    """How scoring stands."""

    states: dict[str, CountOut]
    oldest_queued_at: datetime | None
    errors: list[ReasonOut]
    versions: list[VersionOut]
    backfills: list[BackfillOut]


Rater = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=NOT_BLANK)
]


class FeedbackIn(BaseModel):
    """A person's rating of a run; the same rater's next rating replaces it."""

    rating: Annotated[float, Field(ge=0, le=1, strict=True)]
    rater: Rater
    comment: Annotated[str, StringConstraints(max_length=10_000, pattern=STORABLE)] | None = None


class RatingOut(BaseModel):
    """One person's rating, as it stands."""

    model_config = ConfigDict(from_attributes=True)

    rater: str
    rating: float
    comment: str | None
    created_at: datetime
    updated_at: datetime = Field(description="When it was last given; `created_at` is when it first was.")


class RatingList(BaseModel):
    """Everybody's rating of a run, the first given first."""

    ratings: list[RatingOut]


class RewardModelOut(BaseModel):
    """A version of the reward model, without its parameters."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    state: Literal["promoted", "rejected", "withdrawn"]
    rubric: str
    ratings: int
    raters: int
    runs: int
    trained_at: datetime
    rated_until: datetime
    promoted_at: datetime | None
    withdrawn_at: datetime | None
    report: dict[str, Any]

    @classmethod
    def of(cls, row: RewardModelVersion) -> Self:
        """From its row."""
        return cls.model_validate(row)
