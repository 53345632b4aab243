"""How much each tuned value of the rubric counts: the pairs of reports, scored with the value a bit off.

    .venv/bin/python benchmarks/calibration_scoring.py [--pairs FILE.jsonl] [--only NAME] [--json]

Each value is lowered and raised by a fifth, whole numbers by 1 at least, while the others stay as they are.
One that was chosen on a knife edge would lose many pairs by that. The margin is the mean by which the better
side of a pair scores higher.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from constants import Constant, constants
from rich.console import Console
from rich.table import Table

from app.cli.score_eval import read_pairs
from app.scoring.rubric import calibration
from app.scoring.rubric.evaluation import by_rubric, evaluate

PAIRS = Path(__file__).parents[1] / "tests/data/quality_pairs.jsonl"
STEP = 0.2
WIDTH = 110


class Agreement(NamedTuple):
    """The share of pairs in people's order, and the mean margin in points of the score."""

    accuracy: float
    margin: float


class Varied(NamedTuple):
    """A constant, and how the pairs fare with less of it and with more."""

    constant: Constant
    lower: float
    higher: float
    with_lower: Agreement
    with_higher: Agreement


def measure(pairs: Path) -> Agreement:
    """How the rubric agrees with people now. Pairs are read each time, as a report keeps its facts."""
    result = evaluate(read_pairs(pairs), by_rubric)
    return Agreement(result.accuracy, fmean(pair.better - pair.worse for pair in result.scored))


def neighbours(value: float) -> tuple[float, float]:
    """A fifth less and a fifth more; a value of 0 or below 1 stays within 0 and 1."""
    if isinstance(value, int):
        step = max(1, round(value * STEP))
        return max(0, value - step), value + step
    if 0 <= value <= 1:
        return value * (1 - STEP), min(1.0, value * (1 + STEP) or STEP)
    return value * (1 - STEP), value * (1 + STEP)


def vary(constant: Constant, pairs: Path) -> Varied:
    """Measure with less and with more of a constant."""
    lower, higher = neighbours(constant.value)
    with constant.set_to(lower):
        with_lower = measure(pairs)
    with constant.set_to(higher):
        with_higher = measure(pairs)
    return Varied(constant, lower, higher, with_lower, with_higher)


def table(varied: Iterable[Varied], now: Agreement) -> Table:
    """A row a constant, those that lose most pairs first; figures are changes against `now`."""
    shown = Table(box=None)
    for heading in ("constant", "value", "lower", "pairs", "margin", "higher", "pairs", "margin"):
        shown.add_column(heading, no_wrap=True)
    worst_first = sorted(varied, key=lambda each: min(each.with_lower.accuracy, each.with_higher.accuracy))
    for each in worst_first:
        shown.add_row(
            str(each.constant),
            f"{each.constant.value:g}",
            *_changes(each.lower, each.with_lower, now),
            *_changes(each.higher, each.with_higher, now),
        )
    return shown


def _changes(value: float, found: Agreement, now: Agreement) -> tuple[str, str, str]:
    return f"{value:g}", f"{found.accuracy - now.accuracy:+.4f}", f"{found.margin - now.margin:+.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=Path, default=PAIRS)
    parser.add_argument("--only", help="only constants whose names begin so")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    chosen = [each for each in constants(calibration) if str(each).startswith(arguments.only or "")]
    now = measure(arguments.pairs)
    varied = [vary(constant, arguments.pairs) for constant in chosen]
    if arguments.json:
        figures = {
            str(each.constant): {
                "value": each.constant.value,
                "lower": [each.lower, *each.with_lower],
                "higher": [each.higher, *each.with_higher],
            }
            for each in varied
        }
        print(json.dumps({"now": now, "constants": figures}))
        return
    Console(width=WIDTH).print(table(varied, now))
    losses = [now.accuracy - min(each.with_lower.accuracy, each.with_higher.accuracy) for each in varied]
    unchanged = sum(loss <= 0 for loss in losses)
    print(f"now {now.accuracy:.4f} of pairs, margin {now.margin:.4f}; {len(varied)} constants varied:")
    print(f"{unchanged} lose no pair, the worst loses {max(losses, default=0):.4f}")


if __name__ == "__main__":
    main()
