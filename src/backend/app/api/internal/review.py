"""The review queue."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.errors import INVALID, UNAVAILABLE
from app.api.query import LogText
from app.db.session import transaction
from app.quality.review_queue import runs_to_review
from app.quality.wire import ReviewQueue, SuggestionOut

router = APIRouter(prefix="/api/v1/internal/review-queue", tags=["scores"])


@router.get("", summary="List the runs to rate next", responses={**INVALID, **UNAVAILABLE})
async def get_review_queue(
    rater: LogText = None,
    limit: Annotated[int, Query(ge=1, le=200, description="At most so many.")] = 20,
) -> ReviewQueue:
    """The recent runs most worth a look, with why in words; not those that `rater` has rated."""
    async with transaction() as session:
        found = await runs_to_review(session, rater=rater.strip() if rater else None, limit=limit)
    return ReviewQueue(runs=[SuggestionOut.of(each) for each in found])
