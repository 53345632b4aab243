"""People's ratings of a run."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.api.errors import INVALID, NOT_FOUND, TOO_LARGE, UNAVAILABLE
from app.api.strict_route import StrictRoute
from app.db.session import transaction
from app.scoring.ratings import rate_run, ratings_of_run, withdraw_rating
from app.scoring.wire import FeedbackIn, Rater, RatingList, RatingOut

router = APIRouter(
    prefix="/api/v1/internal/agent-run-log/{run_id}/feedback", tags=["agent run log"], route_class=StrictRoute
)


@router.post(
    "",
    status_code=204,
    summary="Rate a run",
    responses={**INVALID, **NOT_FOUND, **TOO_LARGE, **UNAVAILABLE},
)
async def rate_agent_run_log(run_id: UUID, feedback: FeedbackIn) -> Response:
    """A person's rating decides the run's `overall`; rating again replaces one's own rating."""
    async with transaction() as session:
        await rate_run(
            session, run_id, rater=feedback.rater, rating=feedback.rating, comment=feedback.comment
        )
    return Response(status_code=204)


@router.get("", summary="List a run's ratings", responses={**INVALID, **NOT_FOUND, **UNAVAILABLE})
async def get_ratings(run_id: UUID) -> RatingList:
    """Every person's rating of the run, the first given first."""
    async with transaction() as session:
        found = await ratings_of_run(session, run_id)
    return RatingList(ratings=[RatingOut.model_validate(rating) for rating in found])


# A name may contain slashes.
@router.delete(
    "/{rater:any}",
    status_code=204,
    summary="Withdraw a rating",
    responses={**INVALID, **NOT_FOUND, **UNAVAILABLE},
)
async def withdraw_agent_run_log_rating(run_id: UUID, rater: Rater) -> Response:
    """The run's `overall` is then the mean of the ratings that are left, or the score again."""
    async with transaction() as session:
        await withdraw_rating(session, run_id, rater)
    return Response(status_code=204)
