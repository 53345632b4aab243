"""The review queue: what is worth a look comes first, says why, and no agent fills it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.quality.domain.review import Candidate, Suggestion, review_queue

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def run(number: int, agent: str = "sage", **facts: Any) -> Candidate:
    """An ordinary run of an agent that is well known and was rated enough, so many hours ago."""
    made: dict[str, Any] = {
        "created_at": NOW - timedelta(hours=number),
        "status": "success",
        "action_summary": "Did it",
        "overall": 0.8,
        "agent_runs": 500,
    } | facts
    return Candidate(id=UUID(int=number), agent_id=agent, **made)


def rated(agent: str = "sage", ratings: int = 5) -> Candidate:
    """An old run by whose ratings the agent is known."""
    return run(900, agent, ratings=ratings, lowest=0.8, highest=0.8, mine=True)


def queue(*candidates: Candidate, limit: int = 20) -> list[Suggestion]:
    """The queue of these candidates."""
    return review_queue(candidates, NOW, limit)


def reasons(*candidates: Candidate) -> str:
    """Why the newest of the candidates is in the queue."""
    found = {each.run.id: each.reasons for each in queue(*candidates)}
    return "; ".join(found[candidates[0].id])


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"scores": {"rubric": 0.81, "judge": 0.35}}, "scorers disagree: rubric says 0.81, judge says 0.35"),
        ({"ratings": 2, "lowest": 0.1, "highest": 0.9}, "people disagree: they rated it 0.10 to 0.90"),
        ({"overall": None, "failed": True}, "no scorer could score it"),
        ({"overall": 0.52}, "its score of 0.52 says neither good nor bad"),
        ({}, "it is recent and has no rating"),
        ({"ratings": 1, "lowest": 0.9, "highest": 0.9}, "you have not rated it yet"),
    ],
)
def test_a_run_says_why_it_is_worth_a_look(facts: dict[str, Any], words: str) -> None:
    assert reasons(run(1, **facts), rated()) == words


def test_a_new_agent_and_one_that_nobody_rates_say_so() -> None:
    new = "the agent is new: 7 runs and 1 rating so far"
    assert reasons(run(1, agent_runs=7), rated(ratings=1)) == new
    unrated = "the agent's latest 2 runs have no rating"
    assert reasons(run(1), run(2)) == unrated


def test_a_typical_run_says_so() -> None:
    found = queue(*(run(n, overall=0.1 * n) for n in range(5, 10)), rated())
    assert [each.run.id.int for each in found if "typical" in "".join(each.reasons)] == [7]


@pytest.mark.parametrize(
    "facts",
    [
        {"scores": {"rubric": 0.81, "judge": 0.75}, "overall": 0.75},
        {"ratings": 2, "lowest": 0.8, "highest": 0.9},
        {"overall": None},
        {"overall": 0.35},
    ],
)
def test_what_is_no_signal_is_not_made_one(facts: dict[str, Any]) -> None:
    assert reasons(run(1, **facts), rated()) in (
        "it is recent and has no rating",
        "you have not rated it yet",
    )


def test_what_one_has_rated_oneself_is_left_out() -> None:
    assert [each.run.id.int for each in queue(run(1, mine=True), run(2))] == [2]
    assert queue(run(1, mine=True)) == []


def test_the_more_a_run_tells_the_sooner_it_comes() -> None:
    agents = {
        "torn": {"scores": {"rubric": 0.9, "judge": 0.2}},
        "doubtful": {"overall": 0.5},
        "plain": {},
    }
    runs = [each for agent, facts in agents.items() for each in (run(1, agent, **facts), rated(agent))]
    assert [each.run.agent_id for each in queue(*reversed(runs))] == list(agents)


def test_the_recent_comes_before_the_old_and_the_unrated_before_the_rated() -> None:
    def order(*runs: Candidate) -> list[str]:
        return [each.run.agent_id for each in queue(*runs, *map(rated, ("a", "b")))]

    assert order(run(500, "a", overall=0.5), run(1, "b", overall=0.5)) == ["b", "a"]
    torn: dict[str, Any] = {"scores": {"rubric": 0.9, "judge": 0.2}}
    seen: dict[str, Any] = {"ratings": 1, "lowest": 0.9, "highest": 0.9}
    assert order(run(1, "a", **torn, **seen), run(2, "b", **torn)) == ["b", "a"]


def test_no_agent_fills_the_queue() -> None:
    torn = [run(n, "torn", scores={"rubric": 0.9, "judge": 0.2}) for n in range(50)]
    others = [run(n, f"agent-{n}", overall=0.55) for n in range(50)]
    first = [each.run.agent_id for each in queue(*torn, *others, limit=10)]
    assert first[0] == "torn"
    assert 1 <= first.count("torn") <= 3


def test_one_agent_alone_may_fill_it_the_newest_first() -> None:
    found = queue(*(run(n) for n in range(30)), limit=10)
    assert [each.run.id.int for each in found] == list(range(10))
    assert all(0 < each.worth <= 1 for each in found)
    assert [each.worth for each in found] == sorted((each.worth for each in found), reverse=True)


def test_the_order_does_not_depend_on_that_of_the_candidates() -> None:
    runs = [run(n, f"agent-{n % 7}", overall=n % 10 / 10) for n in range(100)]
    assert queue(*runs) == queue(*reversed(runs))


def test_reasons_without_the_score_hold_no_figure_of_it() -> None:
    torn = run(1, overall=0.52, scores={"rubric": 0.81, "judge": 0.35})
    typical = [run(number, overall=0.81) for number in range(2, 8)]
    assert queue(torn, rated())[0].blind_reasons == ("scorers disagree about it", "its score is uncertain")
    assert queue(*typical, rated())[0].blind_reasons == ("it is typical of the agent",)
    disputed = run(1, ratings=2, lowest=0.1, highest=0.9)
    assert queue(disputed, rated())[0].blind_reasons == ("people disagree about it",)
