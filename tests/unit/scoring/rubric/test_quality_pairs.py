"""The rubric on pairs of invented reports, one of which a careful engineering lead would prefer."""

import json
from collections import Counter
from pathlib import Path

import pytest

from app.cli.score_eval import read_pairs
from app.scoring.rubric import RunReport
from app.scoring.rubric.evaluation import SCORERS, Pair, Scorer, by_length, by_rubric, by_status, evaluate

ROOT = Path(__file__).parents[4]
PAIRS = list(read_pairs(ROOT / "tests/data/quality_pairs.jsonl"))
AGENT_PAIRS = list(read_pairs(ROOT / "tests/data/agent_pairs.jsonl"))
HELD_OUT = list(read_pairs(ROOT / "tests/data/agent_pairs_heldout.jsonl"))


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


@pytest.mark.parametrize("pairs", [AGENT_PAIRS, HELD_OUT], ids=["worked on", "held out"])
def test_the_rubric_sees_what_agents_get_wrong(pairs: list[Pair]) -> None:
    result = evaluate(pairs, by_rubric)
    assert result.accuracy >= 0.95, [scored.pair.id for scored in result.wrong]
    as_many = [each for each in result.scored if _digits(each.pair.worse) >= _digits(each.pair.better)]
    assert len(as_many) >= 50
    assert sum(each.credit for each in as_many) / len(as_many) >= 0.93


def _digits(run: RunReport) -> int:
    return sum(map(str.isdigit, json.dumps(run.actions_taken, default=str)))


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


def test_the_documented_figures_by_kind_are_these() -> None:
    worked_on, held_out = evaluate(AGENT_PAIRS, by_rubric), evaluate(HELD_OUT, by_rubric)
    text = (ROOT / "docs/reference/scoring.md").read_text(encoding="utf-8")
    for kind, accuracy in held_out.by_category.items():
        shares = f"{worked_on.by_category[kind]:.3f} | {held_out.by_category[kind]:.3f}"
        assert f"| {kind.replace('_', ' ')} |" in text
        assert shares in text, (kind, accuracy)
    assert f"{worked_on.accuracy:.3f} | {held_out.accuracy:.3f} |" in text
