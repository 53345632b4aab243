"""Wire types of how scoring stands."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict


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
