"""From the scores of an agent's runs to its feedback."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.quality.domain.calibration import (
    BETTER,
    COMMENT_LENGTH,
    DOES_WELL,
    EXAMPLE_LENGTH,
    FALLS_SHORT,
    MOST_COMMENTS,
    MOST_EXAMPLES_TRIED,
    MOST_LACKS,
    MOST_STRENGTHS,
    OTHER_WEIGHT,
    WORTH_SHOWING,
)
from app.quality.domain.feedback.advice import DIMENSION, next_time, praise
from app.quality.domain.feedback.quoting import quotable
from app.quality.domain.trend import Trend
from app.scoring.rubric.calibration import PENALTY_FLOORS, WEIGHTS

# What a dimension takes away at most: its share, or so much of the whole.
_WEIGHTS = {**WEIGHTS, **{name: 1 - floor for name, floor in PENALTY_FLOORS.items()}}


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """A run, its score and its dimensions, each 0 to 1."""

    id: UUID
    ran_at: datetime
    summary: str | None
    overall: float
    dimensions: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Comment:
    """What a person wrote of a run, beside a rating from 0 to 1."""

    run_id: UUID
    commented_at: datetime
    rating: float
    text: str


@dataclass(frozen=True, slots=True)
class Example:
    """A run that did well in some dimension."""

    run_id: UUID
    ran_at: datetime
    score: float
    quote: str


@dataclass(frozen=True, slots=True)
class Lack:
    """A dimension in which `runs` of `of` runs fell short; `mean` is that of all of them."""

    dimension: str
    mean: float
    runs: int
    of: int
    next_time: str
    example: Example | None


@dataclass(frozen=True, slots=True)
class Strength:
    """A dimension in which the agent does well."""

    dimension: str
    mean: float
    praise: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """What an agent's newest scored `runs` lacked, the most costly first, with comments and strengths.

    Every text of reports and comments is quoted by `quotable`. `trend` compares the days that are looked at
    with as many before.
    """

    agent_id: str
    runs: int
    trend: Trend
    lacks: tuple[Lack, ...] = ()
    comments: tuple[Comment, ...] = ()
    comments_left_out: int = 0
    strengths: tuple[Strength, ...] = ()


def build(agent_id: str, runs: Sequence[ScoredRun], comments: Sequence[Comment], trend: Trend) -> Feedback:
    """The feedback on `runs`, with the newest of people's `comments`; both newest first.

    1. A dimension costs its weight times what is missing in the runs that fall short in it, divided by all
       runs: a frequent small lack may cost more than a rare large one.
    2. The costliest are the lacks, each with the agent's best run in it as an example.
    3. Comments are quoted where they can be quoted safely; the others are counted.
    4. Dimensions in which no run fell short are the strengths, the weightiest first.
    """
    names = sorted({name for run in runs for name in run.dimensions if DIMENSION.fullmatch(name)})
    costs = {name: _cost(name, runs) for name in names}
    lacking = sorted((name for name in names if costs[name] > 0), key=lambda name: (-costs[name], name))
    quoted = [_quoted(comment) for comment in comments]
    return Feedback(
        agent_id=agent_id,
        runs=len(runs),
        trend=trend,
        lacks=tuple(_lack(name, runs) for name in lacking[:MOST_LACKS]),
        comments=tuple(comment for comment in quoted if comment)[:MOST_COMMENTS],
        comments_left_out=quoted.count(None),
        strengths=_strengths(names, lacking, runs),
    )


def _cost(name: str, runs: Sequence[ScoredRun]) -> float:
    missing = (1 - value for value in _values(name, runs) if value < FALLS_SHORT)
    return _WEIGHTS.get(name, OTHER_WEIGHT) * sum(missing) / len(runs)


def _values(name: str, runs: Sequence[ScoredRun]) -> list[float]:
    return [run.dimensions[name] for run in runs if name in run.dimensions]


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4)


def _lack(name: str, runs: Sequence[ScoredRun]) -> Lack:
    values = _values(name, runs)
    mean, short = _mean(values), sum(value < FALLS_SHORT for value in values)
    return Lack(name, mean, short, len(values), next_time(name), _example(name, mean, runs))


def _example(name: str, mean: float, runs: Sequence[ScoredRun]) -> Example | None:
    """The best run in this dimension that may be quoted; of equals the best of all, then the newest."""
    least = max(WORTH_SHOWING, mean + BETTER)
    good = [run for run in runs if run.dimensions.get(name, 0.0) >= least and run.overall >= WORTH_SHOWING]
    best_first = sorted(
        good, key=lambda run: (run.dimensions[name], run.overall, run.ran_at, run.id), reverse=True
    )
    for run in best_first[:MOST_EXAMPLES_TRIED]:
        if quote := quotable(run.summary or "", EXAMPLE_LENGTH):
            return Example(run.id, run.ran_at, run.overall, quote)
    return None


def _quoted(comment: Comment) -> Comment | None:
    quote = quotable(comment.text, COMMENT_LENGTH)
    return Comment(comment.run_id, comment.commented_at, comment.rating, quote) if quote else None


def _strengths(
    names: Sequence[str], lacking: Sequence[str], runs: Sequence[ScoredRun]
) -> tuple[Strength, ...]:
    """The weightiest in which no run fell short; not one at 1, which may never have been tested."""
    means = {name: _mean(_values(name, runs)) for name in names if name not in lacking}
    earned = [name for name in means if name in WEIGHTS and DOES_WELL <= means[name] < 1]
    best_first = sorted(earned, key=lambda name: (-means[name] * WEIGHTS[name], name))
    return tuple(Strength(name, means[name], praise(name)) for name in best_first[:MOST_STRENGTHS])
