"""The rubric on pairs of invented reports, one of which a careful engineering lead would prefer."""

from collections import Counter
from pathlib import Path

import pytest

from app.cli.score_eval import read_pairs
from app.scoring.rubric.evaluation import SCORERS, Scorer, by_length, by_rubric, by_status, evaluate

ROOT = Path(__file__).parents[4]
PAIRS = list(read_pairs(ROOT / "tests/data/quality_pairs.jsonl"))


def test_there_are_enough_pairs_of_every_kind_and_each_is_another() -> None:
    kinds = Counter(pair.category for pair in PAIRS)
    assert len(kinds) == 15
    assert min(kinds.values()) >= 20
    sides = [(pair.better.actions_taken, pair.worse.actions_taken, pair.history) for pair in PAIRS]
    assert all(side not in sides[:n] for n, side in enumerate(sides))
    assert len({pair.id for pair in PAIRS}) == len(PAIRS)


def test_the_rubric_agrees_with_people() -> None:
    result = evaluate(PAIRS, by_rubric)
    assert result.accuracy >= 0.95, [scored.pair.id for scored in result.wrong]
    assert min(result.by_category.values()) >= 0.85, result.by_category


@pytest.mark.parametrize("scorer", [by_length, by_status])
def test_neither_length_nor_status_explains_it(scorer: Scorer) -> None:
    assert evaluate(PAIRS, scorer).accuracy < 0.6


def test_the_documented_figures_are_these() -> None:
    results = [evaluate(PAIRS, scorer) for scorer in SCORERS.values()]
    text = (ROOT / "docs/reference/scoring.md").read_text(encoding="utf-8")
    for category in results[0].by_category:
        shares = " | ".join(f"{result.by_category[category]:.3f}" for result in results)
        assert f"| {category.replace('_', ' ')} | 27 | {shares} |" in text
    assert f"| all | {len(PAIRS)} | {' | '.join(f'{result.accuracy:.3f}' for result in results)} |" in text
