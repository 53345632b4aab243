"""Wire types of the reward model."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from app.models import RewardModelVersion


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
