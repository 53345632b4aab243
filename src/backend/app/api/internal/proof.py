"""The proof of a run, and the erasure of what it reported."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from app.api.errors import CONFLICT, INVALID, NOT_FOUND, TOO_LARGE, UNAVAILABLE
from app.api.internal.agent_run_log import PATH
from app.api.strict_route import StrictRoute
from app.db.session import transaction
from app.proof.erasure import erase_payload
from app.proof.inclusion import prove_run

router = APIRouter(prefix=PATH, tags=["proof"], route_class=StrictRoute)


class ErasureIn(BaseModel):
    """Who erases, and why."""

    model_config = ConfigDict(extra="forbid")

    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


@router.get("/{run_id}/proof", summary="Prove a run", responses={**INVALID, **NOT_FOUND, **UNAVAILABLE})
async def get_proof(run_id: UUID) -> Response:
    """The run's entry, its place in the log's tree and the signed checkpoint, to be checked offline.

    404 also where no checkpoint covers the run yet.
    """
    async with transaction() as session:
        proof = await prove_run(session, run_id)
    return Response(proof.to_json(), media_type="application/json")


@router.post(
    "/{run_id}/erasure",
    status_code=204,
    summary="Erase what a run reported",
    responses={**INVALID, **NOT_FOUND, **CONFLICT, **TOO_LARGE, **UNAVAILABLE},
)
async def erase(run_id: UUID, erasure: ErasureIn) -> Response:
    """The payload and its summary are gone for good. The run, its hash and its proofs stay.

    409 where the run is not sealed yet. A payload that is erased already stays so.
    """
    async with transaction() as session:
        await erase_payload(session, run_id, by=erasure.by, reason=erasure.reason)
    return Response(status_code=204)
