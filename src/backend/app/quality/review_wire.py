"""Wire types of the review queue."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from app.quality.domain.review import Suggestion


class SuggestionOut(BaseModel):
    """A run worth a look, and why."""

    id: UUID
    agent_id: str
    created_at: datetime
    status: str
    action_summary: str | None = Field(description="Its first 300 characters.")
    overall: float | None
    scores: dict[str, float] = Field(description="The latest score of each scorer.")
    ratings: int = Field(description="How many people have rated it.")
    worth: float = Field(description="What a rating of it would teach, compared with the others: 0 to 1.")
    reasons: list[str] = Field(description="Why, the weightiest reason first.")

    @classmethod
    def of(cls, suggestion: Suggestion) -> "SuggestionOut":
        """A suggestion as it is shown."""
        run = suggestion.run
        return cls(
            id=run.id,
            agent_id=run.agent_id,
            created_at=run.created_at,
            status=run.status,
            action_summary=run.action_summary,
            overall=run.overall,
            scores=dict(run.scores),
            ratings=run.ratings,
            worth=suggestion.worth,
            reasons=list(suggestion.reasons),
        )


class ReviewQueue(BaseModel):
    """The runs most worth a rating, in that order."""

    runs: list[SuggestionOut]
