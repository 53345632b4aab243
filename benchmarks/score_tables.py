"""How the rubric's scores hold: among reports that say the same, against stuffing, and by kind of pair.

    .venv/bin/python benchmarks/score_tables.py [--pairs FILE.jsonl ...] [--json]

Stability: the most by which a change that says nothing moves a score. Gaming: the score of reports of nothing
that are filled up by rule, beside that of a small honest one. Languages: one report in each. Pairs: how often
the better side scores higher, by kind, and among those whose worse side has as many digits as the better one.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from harness import Figures, table

from app.cli.score_eval import read_pairs
from app.scoring.rubric import RunReport, score
from app.scoring.rubric.evaluation import by_rubric, evaluate

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.score_variants import (  # noqa: E402
    HONEST_SMALL,
    TRANSLATED,
    Actions,
    stuffings,
    variants,
)

PAIRS = [
    ROOT / "tests/data" / name
    for name in ("quality_pairs.jsonl", "agent_pairs.jsonl", "agent_pairs_heldout.jsonl")
]


def rate(actions: Actions, status: str = "success") -> float:
    return score(RunReport("helios", status, actions)).auto


def stability() -> dict[str, Figures]:
    most: dict[str, float] = {}
    for variant in variants():
        moved = abs(rate(variant.changed, variant.status) - rate(variant.base, variant.status))
        most[variant.change] = max(most.get(variant.change, 0.0), moved)
    return {change: {"moves by at most": moved} for change, moved in most.items()}


def gaming() -> dict[str, Figures]:
    best = {"a small honest report": rate(HONEST_SMALL)}
    for name, actions in stuffings():
        kind = name.partition(",")[0]
        best[kind] = max(best.get(kind, 0.0), rate(actions))
    return {name: {"score": value} for name, value in sorted(best.items(), key=lambda item: -item[1])}


def translated() -> dict[str, Figures]:
    figures = {}
    for report in TRANSLATED:
        rated = [rate({"summary": text, **report.fields}, report.status) for text in report.texts.values()]
        figures[report.name] = {"languages": len(rated), "lowest": min(rated), "highest": max(rated)}
    return figures


def digits(run: RunReport) -> int:
    return sum(map(str.isdigit, json.dumps(run.actions_taken, default=str)))


def pairs(path: Path) -> dict[str, Figures]:
    result = evaluate(read_pairs(path), by_rubric)
    figures: dict[str, Figures] = {
        kind: {"pairs": sum(each.pair.category == kind for each in result.scored), "accuracy": accuracy}
        for kind, accuracy in result.by_category.items()
    }
    as_many = [each for each in result.scored if digits(each.pair.worse) >= digits(each.pair.better)]
    credit = sum(each.credit for each in as_many) / max(1, len(as_many))
    return figures | {
        "as many digits": {"pairs": len(as_many), "accuracy": credit},
        "all": {"pairs": len(result.scored), "accuracy": result.accuracy},
    }


def measure(files: list[Path]) -> dict[str, dict[str, Figures]]:
    """Every table, by its title."""
    tables = {"stability": stability(), "gaming": gaming(), "languages": translated()}
    return tables | {path.name: pairs(path) for path in files}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=Path, nargs="*", default=PAIRS, metavar="FILE.jsonl")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = measure(arguments.pairs)
    if arguments.json:
        print(json.dumps(results))
        return
    for title, figures in results.items():
        columns: dict[str, Any] = {
            name: ".0f" if name in {"pairs", "languages"} else ".3f" for name in next(iter(figures.values()))
        }
        print(f"\n{title}\n\n{table(figures, columns)}")


if __name__ == "__main__":
    main()
