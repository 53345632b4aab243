"""Agreement over real ratings and results, by HTTP."""

from typing import Any

import asyncpg
import httpx
import pytest

from app.db.session import transaction
from app.quality.rated_runs import rated_runs

pytestmark = pytest.mark.anyio

PATH = "/api/v1/internal/scoring/agreement"


async def fill(db: asyncpg.Connection, runs: int = 12) -> None:
    """Runs that ada and bob rated, and that two scorers scored: the rubric alike, the judge the other way."""
    await db.execute(
        """
        INSERT INTO agent_run_log (agent_id, rlhf_scores)
        SELECT 'sage', jsonb_build_object('auto', n / 20.0, 'scorer', 'rubric', 'version', '1', 'n', n)
        FROM generate_series(1, $1::int) AS n
        """,
        runs,
    )
    await db.execute("""
        INSERT INTO agent_run_feedback (run_id, rater, rating, updated_at)
        SELECT id, rater, n / 20.0 + more, now() - n * interval '1 day'
        FROM (SELECT id, (rlhf_scores ->> 'n')::int AS n FROM agent_run_log) AS run,
            (VALUES ('ada', 0.1), ('bob', 0.3)) AS given (rater, more)
    """)
    await db.execute("""
        INSERT INTO agent_run_score (run_id, scorer, version, auto)
        SELECT id, 'judge', 'model-1', 1 - (rlhf_scores ->> 'n')::int / 20.0 FROM agent_run_log
    """)


async def agreement(api: httpx.AsyncClient, **params: Any) -> dict[str, Any]:
    """What is answered."""
    answer = await api.get(PATH, params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_scorers_are_compared_with_mean_ratings_and_raters_with_each_other(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await fill(db)
    found = await agreement(api)
    assert (found["runs"], found["ratings"], found["raters"]) == (12, 24, 2)
    rubric, judge, reward = found["scorers"]
    assert (rubric["scorer"], rubric["version"], rubric["runs"], rubric["raters"]) == ("rubric", "1", 12, 2)
    assert rubric["spearman"]["value"] == 1
    assert rubric["spearman"]["low"] < 1
    assert rubric["error"]["value"] == pytest.approx(-0.2)
    assert rubric["absolute_error"]["value"] == pytest.approx(0.2)
    assert (judge["version"], judge["pairwise"]["value"]) == ("model-1", 0)
    assert (reward["version"], reward["runs"], reward["kappa"]["value"]) == (None, 0, None)
    assert reward["kappa"]["reason"] == "needs 5 runs at least, has 0"
    (pair,) = found["rater_pairs"]
    assert (pair["raters"], pair["runs"]) == (["ada", "bob"], 12)
    assert pair["error"]["value"] == pytest.approx(-0.2)


async def test_since_counts_from_the_last_rating_of_a_run(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await fill(db)
    since = await db.fetchval("SELECT now() - interval '60 hours'")
    found = await agreement(api, since=since.isoformat())
    assert (found["runs"], found["ratings"]) == (2, 4)
    assert found["scorers"][0]["spearman"]["reason"] == "needs 5 runs at least, has 2"


async def test_without_ratings_there_are_reasons(api: httpx.AsyncClient) -> None:
    found = await agreement(api)
    assert (found["runs"], found["rater_pairs"]) == (0, [])
    assert [each["scorer"] for each in found["scorers"]] == ["rubric", "reward", "judge"]
    assert all(each["pairwise"]["reason"] for each in found["scorers"])


async def test_no_more_runs_are_compared_than_the_newest(db: asyncpg.Connection) -> None:
    await fill(db)
    async with transaction() as session:
        runs = await rated_runs(session, None, newest=5)
    assert [round(run.ratings["ada"] * 20) for run in runs] == [3, 4, 5, 6, 7]


async def test_ratings_and_scores_somebody_else_wrote_are_passed_over(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await fill(db, 6)
    for stored in ("[]", '"done"', '{"auto": "high", "scorer": 5, "version": {}}', '{"auto": 1e400}'):
        await db.execute(
            """
            WITH run AS (
                INSERT INTO agent_run_log (agent_id, rlhf_scores) VALUES ('x', $1::text::jsonb) RETURNING id
            )
            INSERT INTO agent_run_feedback (run_id, rater, rating) SELECT id, 'ada', 0.5 FROM run
        """,
            stored,
        )
    await db.execute("""
        INSERT INTO agent_run_feedback (run_id, rater, rating)
        SELECT id, 'nan', 'NaN' FROM agent_run_log WHERE agent_id = 'sage'
    """)
    found = await agreement(api)
    assert (found["runs"], found["scorers"][0]["runs"]) == (10, 6)
    assert "nan" not in {rater for pair in found["rater_pairs"] for rater in pair["raters"]}


@pytest.mark.parametrize("since", ["yesterday", "5", "0001-01-01"])
async def test_a_bad_time_is_refused(api: httpx.AsyncClient, since: str) -> None:
    assert (await api.get(PATH, params={"since": since})).status_code == 422
