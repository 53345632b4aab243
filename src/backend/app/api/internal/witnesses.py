"""Where the log's checkpoints go, and what witnesses say of them."""

from base64 import b64encode
from datetime import datetime
from typing import Self

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from app.api.errors import INVALID, NOT_FOUND, TOO_LARGE, UNAVAILABLE
from app.api.strict_route import StrictRoute
from app.config import get_settings
from app.db.session import transaction
from app.errors import NotFoundError, ProofError
from app.proof.deliveries import deliveries, destinations
from app.proof.domain.note import Note
from app.proof.timestamps import newest_stamped
from app.proof.witnesses import Cosigned, add_cosignatures, newest_cosigned
from app.wiring import witness_keys

router = APIRouter(prefix="/api/v1/internal/log", tags=["proof"], route_class=StrictRoute)

_DELIVERIES_SHOWN = 100


class CosignatureIn(BaseModel):
    """A checkpoint of the log with the signatures of witnesses."""

    checkpoint: str = Field(
        description="A signed note, as C2SP tlog-checkpoint and tlog-cosignature have it."
    )


class CosignedOut(BaseModel):
    """The newest checkpoint that a witness has signed; null where none is known."""

    witness: str
    key: str
    tree_size: int | None
    cosigned_at: datetime | None = Field(description="When the witness saw the log so, as it says.")

    @classmethod
    def of(cls, cosigned: Cosigned) -> Self:
        """The same as a wire type."""
        key, size, moment = cosigned
        return cls(witness=key.name, key=str(key), tree_size=size, cosigned_at=moment)


class Destination(BaseModel):
    """Where checkpoints go: the newest that arrived, and how often sending has failed since."""

    model_config = ConfigDict(from_attributes=True)

    destination: str = Field(examples=["webhook", "file", "mailto"])
    tree_size: int | None
    delivered_at: datetime | None
    failures: int
    outcome: str = Field(description="Of the last try.")
    next_attempt_at: datetime


class DeliveryOut(BaseModel):
    """A checkpoint that arrived."""

    model_config = ConfigDict(from_attributes=True)

    destination: str
    tree_size: int
    delivered_at: datetime


class WitnessesOut(BaseModel):
    """Who has the log's checkpoints: destinations, the last deliveries, and witnesses."""

    destinations: list[Destination]
    deliveries: list[DeliveryOut]
    witnesses: list[CosignedOut]


@router.get("/witnesses", summary="Where checkpoints went", responses={**UNAVAILABLE})
async def get_witnesses() -> WitnessesOut:
    """Each destination and witness with the newest checkpoint that it has, and the last deliveries."""
    async with transaction() as session:
        return WitnessesOut(
            destinations=[Destination.model_validate(each) for each in await destinations(session)],
            deliveries=[
                DeliveryOut.model_validate(each) for each in await deliveries(session, _DELIVERIES_SHOWN)
            ],
            witnesses=[
                CosignedOut.of(each) for each in await newest_cosigned(session, witness_keys(get_settings()))
            ],
        )


class StampedOut(BaseModel):
    """A checkpoint as it was stamped, and the authority's answer in DER, as base64."""

    checkpoint: str
    response: Base64Bytes


@router.get("/timestamp", summary="The newest time stamp", responses={**NOT_FOUND, **UNAVAILABLE})
async def get_timestamp() -> StampedOut:
    """The newest checkpoint that a time stamp authority has stamped (RFC 3161); 404 before the first."""
    async with transaction() as session:
        stamped = await newest_stamped(session)
    if stamped is None:
        raise NotFoundError("no checkpoint has a time stamp: RUNLOG_TIMESTAMP_URL names an authority")
    return StampedOut(checkpoint=stamped.checkpoint, response=b64encode(stamped.response))


@router.post(
    "/cosignatures",
    summary="Add cosignatures",
    responses={**INVALID, **NOT_FOUND, **TOO_LARGE, **UNAVAILABLE},
)
async def post_cosignatures(given: CosignatureIn) -> list[CosignedOut]:
    """Keep what witnesses have signed of a checkpoint, and give it out with that from now on.

    Taken are signatures by the keys of `RUNLOG_WITNESS_KEYS`. 404 where the log has no checkpoint of this
    size.
    """
    try:
        async with transaction() as session:
            added = await add_cosignatures(
                session, Note.parse(given.checkpoint), witness_keys(get_settings())
            )
    except ProofError as error:
        place = ("body", "checkpoint")
        raise RequestValidationError([{"type": "value_error", "loc": place, "msg": str(error)}]) from None
    return [CosignedOut.of(each) for each in added]
