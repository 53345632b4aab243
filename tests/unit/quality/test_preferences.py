"""Pairs for preference training: clearly apart, near in time, and not too many of any run."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.quality.domain.calibration import PAIRING_WINDOW, PAIRS_PER_RUN
from app.quality.domain.preferences import (
    EvaluatedRun,
    Pairing,
    PastReport,
    Preference,
    prompt,
)

START = datetime(2026, 11, 1, tzinfo=UTC)


def evaluated(ratings: Iterable[float], agent: str = "sage") -> list[EvaluatedRun]:
    """An agent's runs, an hour apart."""
    return [
        EvaluatedRun(UUID(int=n), agent, START + timedelta(hours=n), rating)
        for n, rating in enumerate(ratings)
    ]


def paired(runs: Iterable[EvaluatedRun], min_gap: float = 0.2) -> list[Preference]:
    """Every pair of the runs as they go by."""
    pairing = Pairing(min_gap)
    return [pair for run in runs for pair in pairing.pairs(run)]


def numbers(pairs: Iterable[Preference]) -> list[tuple[int, int]]:
    """The pairs by the numbers of their runs."""
    return [(pair.chosen.id.int, pair.rejected.id.int) for pair in pairs]


def test_the_better_is_chosen_whichever_came_first() -> None:
    assert numbers(paired(evaluated([0.2, 0.9, 0.1]))) == [(1, 0), (1, 2)]


def test_a_gap_is_what_it_is_in_decimals() -> None:
    assert numbers(paired(evaluated([0.5, 0.7]))) == [(1, 0)]
    assert paired(evaluated([0.51, 0.7])) == []
    assert numbers(paired(evaluated([0.51, 0.7]), 0.1)) == [(1, 0)]


def test_the_nearest_come_first_and_a_run_is_in_few_pairs() -> None:
    pairs = paired(evaluated([0.1] * 6 + [0.9]))
    assert numbers(pairs) == [(6, 5), (6, 4), (6, 3)]


def test_runs_of_different_agents_are_not_compared() -> None:
    assert paired([*evaluated([0.1]), *evaluated([0.9], "nova"), *evaluated([0.1], "scout")]) == []


@given(st.lists(st.integers(0, 10).map(lambda tenths: tenths / 10), max_size=60))
def test_pairs_are_apart_and_near_and_few(ratings: list[float]) -> None:
    pairs = paired(evaluated(ratings))
    assert len(set(map(frozenset, numbers(pairs)))) == len(pairs)
    for pair in pairs:
        assert pair.chosen.rating - pair.rejected.rating > 0.2 - 1e-9
        assert abs(pair.chosen.id.int - pair.rejected.id.int) <= PAIRING_WINDOW
        assert pair.earlier.id.int == min(pair.chosen.id.int, pair.rejected.id.int)
    uses = Counter(number for pair in numbers(pairs) for number in pair)
    assert all(count <= 2 * PAIRS_PER_RUN for count in uses.values())


def test_a_prompt_says_who_is_asked_and_what_came_before() -> None:
    past = [PastReport("failed", "Scan aborted"), PastReport("success", None)]
    text = prompt("Sage -- Backend", past)
    assert text.splitlines()[:4] == [
        "You are Sage -- Backend, an agent that runs on a schedule.",
        "Your reports before this run, oldest first:",
        "- failed: Scan aborted",
        "- success",
    ]
    assert "the first run" in prompt("Sage", [])
