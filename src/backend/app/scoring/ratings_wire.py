"""Wire types of people's ratings."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.kit.storable import NOT_BLANK, STORABLE

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
