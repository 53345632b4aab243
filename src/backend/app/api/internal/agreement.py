"""How scorers agree with people."""

import asyncio

from fastapi import APIRouter

from app.api.errors import INVALID, UNAVAILABLE
from app.api.query import Moment
from app.db.session import transaction
from app.quality.domain.agreement_report import report
from app.quality.rated_runs import rated_runs
from app.quality.wire import AgreementReportOut

router = APIRouter(prefix="/api/v1/internal/scoring", tags=["scores"])


@router.get("/agreement", summary="Compare scores with ratings", responses={**INVALID, **UNAVAILABLE})
async def get_agreement(since: Moment = None) -> AgreementReportOut:
    """Every scorer and version against people's mean ratings, over the runs rated since, at most 5,000."""
    async with transaction() as session:
        runs = await rated_runs(session, since)
    # In a thread: thousands of runs take a while, and other requests are answered meanwhile.
    return AgreementReportOut.of(await asyncio.to_thread(report, runs), since)
