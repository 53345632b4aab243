"""How the Auditor's tuned values were chosen: each is set to others, and what then is found is measured.

    .venv/bin/python benchmarks/calibration_audit.py [--each 4] [--days 75] [--seed 1] [--only NAME] [--json]

A value of cadences is tried on the fleets of `audit.py`, one of drops in quality on agents whose scores are
simulated: every other one drops by 0.3; one of unusual usage on those of `fleets/usage.py`, and one of runs
that hang on those of `fleets/lengths.py`, with delays in hours. A star marks the
value in force. Delays are in periods of the agent, or in days for scores. Alarms about agents that are
started by events are all false, and apart.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from audit import SCENARIOS, judged, show
from constants import Constant
from fleets import Figures, Fleet, simulate
from fleets.lengths import judged_lengths
from fleets.usage import judged_usage

from app.audit import calibration as of_rules
from app.audit.cadence import calibration as of_cadence
from app.audit.domain.quality import DAYS_READ, QualityTrend
from app.audit.domain.scores import find_drop
from app.scoring.domain.comparison import Day

OF_CADENCES: Mapping[str, Sequence[Any]] = {
    "WEEKS_COMPARED": (3, 4, 5),
    "LATEST_WEEKS": (1, 2, 3, 5),
    "REPORTS_COMPARED": (8, 16, 32),
    "MOST_UNMATCHED": (0.05, 0.2, 0.4),
    "NEAR": (0.2, 0.4, 0.49),
    "MOST_DRIFT": (1, 2, 4),
    "JITTER": (1 / 16, 1 / 8, 1 / 4),
    "EQUAL_GAPS": (0.3, 0.6, 0.9),
    "WAIT_MARGIN": (0.0, 1 / 20, 1 / 5),
    "LEAST_GAPS": (3, 5, 8),
    "LEAST_UNEVEN_GAPS": (5, 10, 20),
    "RECURRING_WITHIN": (0.1, 0.25, 0.5),
    "RECURRING_SHARE": (0.1, 0.2, 0.4),
    "RECURRING_OF_ALL": (0.5, 0.75, 0.9),
    "LONGEST_OF": (10, 30, 50),
    "GAP_MARGIN": (0.0, 0.1, 0.3),
    "GAP_MARGIN_OF_FEW": (1.0, 5.0, 10.0),
    "RECOVERED_MARGIN": (0.1, 0.5, 1.0),
    "OUTAGE_SHARE": (0.1, 0.25, 0.5),
}
OF_SCORES: Mapping[str, Sequence[Any]] = {
    "DROP_CONFIDENCE": (0.95, 0.99, 0.995, 0.998),
    "DROP_DAYS": ({7: 5}, {7: 5, 3: 5}, {7: 5, 3: 14}, {7: 14, 3: 14}),
    "LEAST_DROP": (0.1, 0.15, 0.2),
}
OF_USAGE: Mapping[str, Sequence[Any]] = {
    "USAGE_ONCE_IN": tuple(days * of_cadence.DAY for days in (2_000, 10_000, 40_000)),
    "LEAST_USAGE": (20, 30, 50),
}
OF_LENGTHS: Mapping[str, Sequence[Any]] = {
    "RUNNING_ONCE_IN": tuple(days * of_cadence.DAY for days in (2_000, 10_000, 40_000)),
    "RUNNING_FACTOR": (1.5, 2.0, 3.0),
    "RUNNING_FACTOR_OF_FEW": (10.0, 20.0, 40.0),
    "RUNS_OF_OUTLIER": (25, 50, 1_000),
}


@dataclass(frozen=True)
class Scores:
    """A kind of agent by its scores: so many runs a day, and how they vary by the run, by the day and on.

    A run keeps `memory` of how the run before differed, a day `of_day_before`; a share of `failures` scores
    next to nothing.
    """

    runs: int
    noise: float = 0.15
    of_days: float = 0.0
    memory: float = 0.0
    of_day_before: float = 0.0
    failures: float = 0.0
    weekend: float = 0.0

    def days(self, chance: random.Random, count: int, drops_on: int, drop: float) -> list[Day]:
        """The sums of so many days, oldest first; `drop` is taken off each score from day `drops_on` on."""
        level, of_day, found = chance.gauss(0, self.noise), chance.gauss(0, self.of_days), []
        for day in range(count):
            of_day = _on(chance, of_day, self.of_day_before, self.of_days)
            total = 0.0
            for _ in range(self.runs):
                level = _on(chance, level, self.memory, self.noise)
                score = 0.75 + of_day + level + (self.weekend if day % 7 > 4 else 0)
                score -= drop if day >= drops_on else 0
                total += 0.05 if chance.random() < self.failures else min(max(score, 0.0), 1.0)
            found.append(Day(total, self.runs))
        return found


def _on(chance: random.Random, value: float, memory: float, deviation: float) -> float:
    return memory * value + sqrt(1 - memory**2) * chance.gauss(0, deviation)


KINDS = {
    "daily": Scores(1),
    "twice a day, noisy": Scores(2, noise=0.3),
    "thrice a day": Scores(3),
    "thrice a day, noisy": Scores(3, noise=0.3),
    "hourly": Scores(24),
    "days differ": Scores(24, noise=0.1, of_days=0.1),
    "days go on": Scores(10, noise=0.1, of_days=0.1, of_day_before=0.7),
    "runs go on": Scores(4, memory=0.6),
    "runs go on for long": Scores(4, memory=0.9),
    "some fail": Scores(5, noise=0.1, failures=0.1),
    "worse on weekends": Scores(10, noise=0.1, weekend=-0.25),
}


def of_cadences(fleets: Mapping[str, Fleet]) -> dict[str, Any]:
    """What is found of agents that stop, in all fleets together; events apart."""
    total, by_events = Figures(), Figures()
    for scenario, fleet in fleets.items():
        for figures in judged(fleet)[0].values():
            (by_events if scenario == "by events" else total).add(figures)
    return {
        **total.shown(),
        "false_by_events": by_events.shown()["false_per_1000_agent_days"],
    }


def of_scores(seed: int, each: int, *, drop: float = 0.3) -> dict[str, Any]:
    """What is found of drops; one agent in two has one, the other has none."""
    figures = Figures()
    for kind, scores in KINDS.items():
        for number in range(10 * each):
            chance = random.Random(f"{seed} {kind} {number}")
            drops_on = 50 + chance.randrange(7) if number % 2 else 1_000
            _score(figures, scores.days(chance, 75, drops_on, drop), drops_on)
    return {**figures.shown(), "false_by_events": None}


def _score(figures: Figures, days: Sequence[Day], drops_on: int) -> None:
    """Judge an agent at the end of each day, until its drop is found or over for two weeks."""
    has_drop, was_open = drops_on < len(days), False
    figures.incidents += has_drop
    for day in range(DAYS_READ, min(len(days), drops_on + 14)):
        trend = QualityTrend(days[day::-1][:DAYS_READ])
        is_open = find_drop(trend, is_open=was_open) is not None
        if is_open and day >= drops_on:
            figures.found += 1
            figures.delays.append(day - drops_on + 1)
            return
        if day < drops_on:
            figures.agent_days += 1
            figures.false += is_open and not was_open
        was_open = is_open


def of_usage(seed: int, each: int, days: int) -> dict[str, Any]:
    """What is found of runs that took far more than usual."""
    figures = Figures()
    for _, row in judged_usage(seed, each, days):
        figures.incidents += row.injected
        figures.found += row.found
        figures.agent_days += row.agent_days
        figures.false += row.false
    return {**figures.shown(), "false_by_events": None}


def of_lengths(seed: int, each: int, days: int) -> dict[str, Any]:
    """What is found of runs that hang; delays are in hours."""
    figures = Figures()
    for _, row in judged_lengths(seed, each, days):
        figures.incidents += row.hung
        figures.found += row.found
        figures.delays += row.delays
        figures.agent_days += row.agent_days
        figures.false += row.false
    return {**figures.shown(), "false_by_events": None}


def tried(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row a value. What the values in force find is measured once for each kind of values."""
    fleets = {
        scenario: simulate(kinds, options.seed, each=options.each, days=options.days, **settings)
        for scenario, (kinds, settings) in SCENARIOS.items()
    }
    measured: Mapping[str, Callable[[], dict[str, Any]]] = {
        **dict.fromkeys(OF_CADENCES, lambda: of_cadences(fleets)),
        **dict.fromkeys(OF_SCORES, lambda: of_scores(options.seed, options.each)),
        **dict.fromkeys(OF_USAGE, lambda: of_usage(options.seed, options.each, options.days)),
        **dict.fromkeys(OF_LENGTHS, lambda: of_lengths(options.seed, options.each, options.days)),
    }
    in_force: dict[Callable[[], dict[str, Any]], dict[str, Any]] = {}
    for name, values in {**OF_CADENCES, **OF_SCORES, **OF_USAGE, **OF_LENGTHS}.items():
        if options.only and name not in options.only:
            continue
        calibration = of_cadence if hasattr(of_cadence, name) else of_rules
        measure = measured[name]
        for value in values:
            is_in_force = value == getattr(calibration, name)
            found = in_force.get(measure) if is_in_force else None
            if found is None:
                with Constant(calibration, name).set_to(value):
                    found = measure()
            if is_in_force:
                in_force[measure] = found
            shown = f"{value:.4g}" if isinstance(value, int | float) else str(value)
            yield {"kind": name, "value": shown + "*" * is_in_force, **found}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--each", type=int, default=4, help="agents of each kind; of scores ten times as many"
    )
    parser.add_argument("--days", type=int, default=75)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", help="this value alone; may be repeated")
    parser.add_argument("--json", action="store_true", help="a row a line, as it is measured")
    options = parser.parse_args()
    rows = tried(options)
    if options.json:
        for row in rows:
            print(json.dumps(row), flush=True)
    else:
        show(list(rows))


if __name__ == "__main__":
    main()
