"""What trainings come to, with simulated people whose tastes are known."""

import random
from collections.abc import Sequence
from functools import cache

import pytest
from simulated_raters import agreement, make_raters, mean_worth, ratings_of, ratings_of_many, worth
from simulated_reports import simulated_reports

from app.scoring.reward.features import Features, extract_features
from app.scoring.reward.training import InForce, Training, train
from app.scoring.reward.training_data import Rating
from app.scoring.rubric import RunReport, Score, score

COUNT, UNRATED = 400, 200
FRESH = slice(COUNT, COUNT + UNRATED)
TASTES = ("brevity", "evidence", "topics", "candid numbers")


@cache
def runs() -> list[RunReport]:
    return simulated_reports(COUNT + UNRATED, seed=11)


@cache
def scored() -> list[Score]:
    return [score(run) for run in runs()]


@cache
def features() -> list[Features]:
    return [extract_features(*each) for each in zip(runs(), scored(), strict=True)]


def rated(taste: str, count: int, seed: int = 1, raters: int = 4) -> list[Rating]:
    return ratings_of(worth(taste, runs(), scored()), make_raters(raters, seed), count, seed)


def random_ratings(rater: str, count: int, seed: int) -> list[Rating]:
    chance = random.Random(seed)
    return [Rating(run, rater, round(chance.random(), 2)) for run in range(count)]


def trained(given: Sequence[Rating], in_force: InForce | None = None, rejected: int = 0) -> Training:
    count = 1 + max(rating.run for rating in given)
    result = train(features()[:count], given, in_force=in_force, rejected=rejected)
    assert result is not None
    return result


@cache
def taught(taste: str, count: int) -> Training:
    """A first training, by so many rated runs."""
    return trained(rated(taste, count))


def by_model(training: Training, taste: str) -> float:
    """How often the model agrees with the taste on runs without a rating."""
    scores = [training.model.score(*each).auto for each in zip(runs()[FRESH], scored()[FRESH], strict=True)]
    return agreement(worth(taste, runs(), scored())[FRESH], scores)


def by_rubric(taste: str) -> float:
    return agreement(worth(taste, runs(), scored())[FRESH], [each.auto for each in scored()[FRESH]])


@pytest.mark.parametrize("taste", TASTES)
def test_it_learns_what_people_like_and_says_how_well(taste: str) -> None:
    training = taught(taste, COUNT)
    assert training.promoted
    assert by_model(training, taste) >= by_rubric(taste) + 0.1
    against = training.report["against"]["rubric"]
    assert against["at_least"] > 0
    assert against["candidate"] == pytest.approx(by_model(training, taste), abs=0.12)


@pytest.mark.parametrize("taste", TASTES)
def test_few_ratings_do_no_harm(taste: str) -> None:
    training = taught(taste, 40)
    assert not training.promoted or by_model(training, taste) >= by_rubric(taste)


def test_the_same_ratings_make_the_same_model() -> None:
    given = rated("evidence", 150)
    first, second = trained(given), trained(given)
    assert first.model.parameters() == second.model.parameters()
    assert first.report == second.report


def test_scores_are_on_the_scale_of_the_ratings() -> None:
    given, training = rated("brevity", COUNT), taught("brevity", COUNT)
    scores = [training.model.score(*each).auto for each in zip(runs()[:COUNT], scored()[:COUNT], strict=True)]
    mean = sum(rating.rating for rating in given) / len(given)
    assert sum(scores) / len(scores) == pytest.approx(mean, abs=0.05)
    assert max(scores) - min(scores) > 0.3


def test_random_ratings_promote_nothing() -> None:
    given = random_ratings("dice", COUNT, seed=0)
    for rejected, count in enumerate(range(100, COUNT + 1, 100)):
        assert not trained(given[:count], rejected=rejected).promoted


def test_one_who_rates_at_random_or_contradicts_everybody_counts_little() -> None:
    given = rated("evidence", 300)
    contrary = [Rating(each.run, "contrary", 1 - each.rating) for each in given[:120]]
    training = trained([*given, *contrary, *random_ratings("dice", 120, 1)])
    weights = {name: of["weight"] for name, of in training.report["raters"].items()}
    assert weights["contrary"] == 0.02
    assert weights["dice"] < 0.6
    assert min(of for name, of in weights.items() if name.startswith("rater")) > 0.7
    assert training.promoted
    assert by_model(training, "evidence") > by_rubric("evidence") + 0.05


@pytest.mark.parametrize("foe", ["all", "the rubric"])
def test_an_adversary_among_raters_of_different_taste_costs_nothing(foe: str) -> None:
    tastes = [worth(taste, runs(), scored()) for taste in ("evidence", "candour")]
    together = mean_worth(tastes)
    against = together if foe == "all" else mean_worth([[each.auto for each in scored()]])
    alone, beside = (
        trained([rating for ratings in given for rating in ratings])
        for given in (ratings_of_many(tastes, None, COUNT, 1), ratings_of_many(tastes, against, COUNT, 1))
    )
    weights = {name: of["weight"] for name, of in beside.report["raters"].items()}
    assert sorted(weights.values()) == [0.02, 1.0, 1.0]
    assert alone.promoted
    assert beside.promoted
    agreed = [
        agreement(
            together[FRESH],
            [model.score(*each).auto for each in zip(runs()[FRESH], scored()[FRESH], strict=True)],
        )
        for model in (alone.model, beside.model)
    ]
    assert agreed[1] > agreed[0] - 0.03


def test_too_few_runs_or_nothing_to_compare_them_by_is_no_training() -> None:
    assert train(features()[:10], rated("evidence", 10), in_force=None, rejected=0) is None
    strangers = [Rating(n, f"rater-{n}", 0.5) for n in range(100)]
    assert train(features()[:100], strangers, in_force=None, rejected=0) is None
    assert train([], [], in_force=None, rejected=0) is None


def test_raters_to_whom_everything_is_the_same_teach_nothing() -> None:
    assert not trained([Rating(n, f"rater-{n % 3}", 0.5) for n in range(100)]).promoted


def test_a_copy_of_what_is_in_force_does_not_replace_it() -> None:
    given, first = rated("evidence", 200), taught("evidence", 200)
    again = trained(given, InForce(first.model, [True] * 200))
    assert first.promoted
    assert not again.promoted


def test_what_is_in_force_is_judged_on_runs_that_it_has_not_seen() -> None:
    first = taught("evidence", 100)
    given = rated("evidence", 300)
    training = trained(given, InForce(first.model, [n < 100 for n in range(300)]))
    against = training.report["against"]
    assert 0 < against["in_force"]["pairs"] < against["rubric"]["pairs"]


def test_a_handful_of_new_runs_replaces_nothing() -> None:
    first = taught("evidence", 100)
    given = rated("brevity", 110)
    training = trained(given, InForce(first.model, [n < 100 for n in range(110)]))
    assert training.report["against"]["in_force"]["at_least"] == -1
    assert not training.promoted


def test_a_taste_that_has_changed_is_learnt_anew() -> None:
    first = taught("evidence", 200)
    given = rated("brevity", COUNT)
    training = trained(given, InForce(first.model, [False] * COUNT))
    assert training.promoted
