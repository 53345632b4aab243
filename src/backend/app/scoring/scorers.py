"""The scorers in use, and any of them by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFoundError
from app.kit.text import printable
from app.scoring.domain.results import REWARD
from app.scoring.reward_models import model_in_force
from app.scoring.rubric import SCORER, VERSION, RunReport, Score, score


@dataclass(frozen=True, slots=True)
class Scorer:
    """A version of a scorer that needs nothing but the run and the agent's runs before it."""

    name: str
    version: str
    score: Callable[[RunReport, Sequence[RunReport]], Score]


class _Rubric:
    """The rubric, which keeps its last score: the reward model asks for the same one right after it."""

    def __init__(self) -> None:
        self._last: tuple[RunReport, Score] | None = None

    def __call__(self, run: RunReport, history: Sequence[RunReport]) -> Score:
        if self._last is None or self._last[0] is not run:
            self._last = run, score(run, history)
        return self._last[1]


async def active_scorers(session: AsyncSession) -> list[Scorer]:
    """What every new run is scored by: the rubric first, and the reward model where one is in force."""
    rubric = _Rubric()
    scorers = [Scorer(SCORER, VERSION, rubric)]
    found = await model_in_force(session)
    if found is not None:
        version, model = found
        rewarded = Scorer(REWARD, str(version), lambda run, history: model.score(run, rubric(run, history)))
        scorers.append(rewarded)
    return scorers


async def find_scorer(session: AsyncSession, name: str, version: str | None = None) -> Scorer:
    """A scorer by name, in the version in use or in `version`. Raises `NotFoundError`."""
    for scorer in await active_scorers(session):
        if scorer.name == name and version in (None, scorer.version):
            return scorer
    wanted = f"{name} in version {version}" if version else name
    raise NotFoundError(f"there is no scorer {printable(wanted)} here")
