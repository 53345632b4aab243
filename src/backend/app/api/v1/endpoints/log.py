"""The signed state of the log, for anybody: what witnesses and offline checks compare with."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse

from app.api.errors import INVALID, NOT_FOUND, UNAVAILABLE
from app.db.replica import reading
from app.errors import NotFoundError
from app.proof.checkpoints import newest_checkpoint
from app.proof.domain.checkpoint import LARGEST_SIZE
from app.proof.inclusion import prove_consistency

router = APIRouter(prefix="/api/v1/public/log", tags=["proof"])

_CHECKPOINT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "A signed note."}
}

TreeSize = Annotated[int, Query(ge=0, le=LARGEST_SIZE)]


@router.get(
    "/checkpoint",
    summary="The newest signed checkpoint",
    response_class=Response,
    responses={**_CHECKPOINT, **NOT_FOUND, **UNAVAILABLE},
)
async def get_checkpoint() -> Response:
    """The log's origin, size and root, signed: a C2SP checkpoint."""
    async with reading() as (session, _):
        checkpoint = await newest_checkpoint(session)
    if checkpoint is None:
        raise NotFoundError("there is no checkpoint yet: a worker signs the first within a minute")
    return PlainTextResponse(checkpoint.note)


@router.get(
    "/consistency",
    summary="Prove that the log only grew",
    responses={**INVALID, **NOT_FOUND, **UNAVAILABLE},
)
async def get_consistency(from_size: TreeSize, to_size: TreeSize) -> Response:
    """What proves that the log at one checkpoint is the beginning of the log at a later one."""
    async with reading() as (session, _):
        proof = await prove_consistency(session, from_size, to_size)
    return Response(proof.to_json(), media_type="application/json")
