"""The scorers in use, and any of them by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.audit.finding import printable
from app.domain.scoring import SCORER, VERSION, RunReport, Score, score
from app.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Scorer:
    """A version of a scorer that needs nothing but the run and the agent's runs before it."""

    name: str
    version: str
    score: Callable[[RunReport, Sequence[RunReport]], Score]


async def active_scorers(session: AsyncSession) -> list[Scorer]:
    """What every new run is scored by: the rubric first."""
    return [Scorer(SCORER, VERSION, score)]


async def find_scorer(session: AsyncSession, name: str, version: str | None = None) -> Scorer:
    """A scorer by name, in the version in use or in `version`. Raises `NotFoundError`."""
    for scorer in await active_scorers(session):
        if scorer.name == name and version in (None, scorer.version):
            return scorer
    wanted = f"{name} in version {version}" if version else name
    raise NotFoundError(f"there is no scorer {printable(wanted)} here")
