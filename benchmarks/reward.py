"""What the reward model learns: agreement with simulated people of several tastes, by number of ratings.

    OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/reward.py [--seeds 3] [--every 100] [--json]
        [--together] [--set NAME=VALUE]

The yardstick is the rubric. Agreement is how often two of 300 runs without a rating are put in the order of
the taste itself; in force is whatever a training every so many ratings has promoted until then. With
`--together` people of different taste rate, alone and with an adversary beside them. `--set` tries
another value of a constant of `app.scoring.reward.calibration`, so each can be seen to be no lucky one.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import fmean

from constants import Constant, constants
from harness import machine
from rich.console import Console
from rich.table import Table
from simulated_raters import (
    MIXED,
    TASTES,
    agreement,
    make_raters,
    mean_worth,
    ratings_of,
    ratings_of_many,
    worth,
)
from simulated_reports import simulated_reports

from app.scoring.reward import calibration
from app.scoring.reward.features import Features, extract_features
from app.scoring.reward.model import RewardModel
from app.scoring.reward.training import InForce, train
from app.scoring.reward.training_data import Rating
from app.scoring.rubric import RunReport, Score, score

POINTS = (0, 50, 200, 1000)
UNRATED = 300
RATERS = 5
MODELLED = 1_000
TOGETHER = (("evidence", "candour"), ("topics", "numbers"), ("brevity", "evidence", "candour"))
"""Tastes of people who rate together."""
POINTS_TOGETHER = (200, 400, 600)


@dataclass(frozen=True)
class World:
    """Runs, what the rubric makes of them, and their features."""

    runs: Sequence[RunReport]
    scored: Sequence[Score]
    features: Sequence[Features]

    @classmethod
    def of(cls, count: int, seed: int) -> "World":
        """`count` runs that may be rated, and those that are not rated."""
        runs = simulated_reports(count + UNRATED, seed)
        scored = [score(run) for run in runs]
        return cls(runs, scored, [extract_features(run, of) for run, of in zip(runs, scored, strict=True)])


def learning_curve(
    world: World, taste: str, seed: int, points: Sequence[int], every: int
) -> dict[int, tuple[float, float]]:
    """At each number of ratings: how often the rubric and whatever is in force agree with the taste."""
    worths = worth(taste, world.runs, world.scored)
    given = ratings_of(worths, make_raters(RATERS, seed), max(points), seed)
    return _curve(world, worths, [[rating] for rating in given], points, every)


def _curve(
    world: World,
    worths: Sequence[float],
    given: Sequence[Sequence[Rating]],
    points: Sequence[int],
    every: int,
) -> dict[int, tuple[float, float]]:
    unrated = slice(max(points), max(points) + UNRATED)
    by_rubric = agreement(worths[unrated], [scored.auto for scored in world.scored[unrated]])
    curve, in_force, learnt, rejected = {}, None, 0, 0
    for count in sorted({*points, *range(every, max(points) + 1, every)}):
        rated = world.features[:count]
        force = InForce(in_force, [run < learnt for run in range(count)]) if in_force else None
        known = [rating for ratings in given[:count] for rating in ratings]
        trained = train(rated, known, in_force=force, rejected=rejected) if count else None
        if trained is not None:
            rejected = 0 if trained.promoted else rejected + 1
            if trained.promoted:
                in_force, learnt = trained.model, count
        if count in points:
            curve[count] = by_rubric, _agreement(in_force, world, worths, unrated, by_rubric)
    return curve


def curves_together(seeds: int, every: int) -> dict[str, dict[int, list[tuple[float, float]]]]:
    """Learning curves of raters of different taste, without an adversary and with one as diligent as each."""
    curves: dict[str, dict[int, list[tuple[float, float]]]] = {}
    count = max(POINTS_TOGETHER)
    for seed in range(1, seeds + 1):
        world = World.of(count, seed)
        by_rubric = mean_worth([[scored.auto for scored in world.scored]])
        for names in TOGETHER:
            tastes = [worth(name, world.runs, world.scored) for name in names]
            worths = mean_worth(tastes)
            foes = {"": None, " and one against all": worths, " and one against the rubric": by_rubric}
            for foe, against in foes.items():
                given = ratings_of_many(tastes, against, count, seed)
                curve = curves.setdefault(f"{', '.join(names)}{foe}", {})
                for point, of in _curve(world, worths, given, POINTS_TOGETHER, every).items():
                    curve.setdefault(point, []).append(of)
    return curves


def _agreement(
    model: RewardModel | None, world: World, worths: Sequence[float], unrated: slice, by_rubric: float
) -> float:
    if model is None:
        return by_rubric
    scores = [
        model.score(*each).auto for each in zip(world.runs[unrated], world.scored[unrated], strict=True)
    ]
    return agreement(worths[unrated], scores)


def rate_of_prediction(world: World) -> float:
    """Runs/s that the model scores, beside what the rubric takes."""
    worths = worth("numbers", world.runs, world.scored)
    trained = train(
        world.features[:MODELLED],
        ratings_of(worths, make_raters(RATERS, 1), MODELLED, 1),
        in_force=None,
        rejected=0,
    )
    assert trained is not None
    started = time.perf_counter()
    for run, scored in zip(world.runs, world.scored, strict=True):
        trained.model.score(run, scored)
    return len(world.runs) / (time.perf_counter() - started)


def measure(seeds: int, every: int) -> dict[str, dict[int, list[tuple[float, float]]]]:
    """The learning curves of every taste, one a seed."""
    curves: dict[str, dict[int, list[tuple[float, float]]]] = {}
    for seed in range(1, seeds + 1):
        world = World.of(max(POINTS), seed)
        for taste in (*TASTES, *MIXED):
            for count, of in learning_curve(world, taste, seed, POINTS, every).items():
                curves.setdefault(taste, {}).setdefault(count, []).append(of)
    return curves


def table(curves: Mapping[str, Mapping[int, Sequence[tuple[float, float]]]]) -> Table:
    """A row a taste: the rubric's agreement, the mean of what was in force at each point, and the least gain
    of any seed at any point and at the last."""
    points = sorted(next(iter(curves.values())))
    shown = Table("taste", "rubric", *(f"{count:,}" for count in points), "least", "at last", box=None)
    for taste, curve in curves.items():
        gains = {count: min(force - rubric for rubric, force in of) for count, of in curve.items()}
        shown.add_row(
            taste,
            f"{fmean(rubric for rubric, _ in curve[points[0]]):.3f}",
            *(f"{fmean(force for _, force in curve[count]):.3f}" for count in points),
            f"{min(gains.values()):+.3f}",
            f"{gains[points[-1]]:+.3f}",
        )
    return shown


def setting(text: str) -> tuple[Constant, float]:
    """A constant and the value it is to have, from `NAME=VALUE`."""
    name, _, value = text.partition("=")
    for constant in constants(calibration):
        if str(constant) == name:
            return constant, type(constant.value)(value)
    raise argparse.ArgumentTypeError(f"the reward model has no constant {name}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--together", action="store_true", help="people of different taste, and adversaries")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--set", type=setting, action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    with ExitStack() as changes:
        for constant, value in arguments.set:
            changes.enter_context(constant.set_to(value))
        rate = rate_of_prediction(World.of(MODELLED, 1))
        measured = curves_together if arguments.together else measure
        curves = measured(arguments.seeds, arguments.every)
    if arguments.json:
        facts = {
            "machine": machine(),
            "arguments": vars(arguments) | {"set": [f"{c}={v:g}" for c, v in arguments.set]},
            "runs/s": rate,
            "curves": curves,
        }
        print(json.dumps(facts))
    else:
        Console().print(table(curves))
        print(f"{rate:.0f} runs/s scored by the model, beside the rubric")


if __name__ == "__main__":
    main()
