"""The review queue from the real log, by HTTP."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.db.session import transaction
from app.scoring.pipeline import score_runs
from app.services.agent_run_log_service import write_run_log
from support.log_changes import UNGUARD

pytestmark = pytest.mark.anyio

PATH = "/api/v1/internal/review-queue"


async def queue(api: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    """What the queue answers."""
    answer = await api.get(PATH, params=params)
    assert answer.status_code == 200, answer.text
    runs: list[dict[str, Any]] = answer.json()["runs"]
    return runs


async def rate(api: httpx.AsyncClient, run_id: Any, rater: str, rating: float) -> None:
    """Rate a run."""
    path = f"/api/v1/internal/agent-run-log/{run_id}/feedback"
    assert (await api.post(path, json={"rater": rater, "rating": rating})).status_code == 204


async def judged(db: asyncpg.Connection, run_id: UUID, score: float, scorer: str = "judge") -> None:
    """Keep another scorer's result of a run."""
    await db.execute(
        "INSERT INTO agent_run_score (run_id, scorer, version, auto) VALUES ($1, $2, '1', $3)",
        run_id,
        scorer,
        score,
    )


async def scored(agent: str, **actions: Any) -> UUID:
    """A run that the rubric has scored."""
    run_id = await write_run_log(agent, {"summary": "Fixed a leak in session.py", **actions})
    async with transaction() as session:
        await score_runs(session, [run_id])
    return run_id


async def test_the_run_scorers_disagree_on_comes_first_and_says_so(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    plain = await scored("nova")
    torn = await scored("sage", tests_passed=14)
    await judged(db, torn, 0.01)
    first, second = await queue(api)
    assert (first["id"], second["id"]) == (str(torn), str(plain))
    assert set(first) == {
        *("id", "agent_id", "created_at", "status", "action_summary", "overall"),
        *("scores", "ratings", "worth", "reasons"),
    }
    assert set(first["scores"]) == {"rubric", "judge"}
    assert first["reasons"][0].startswith("scorers disagree: rubric says 0.")
    assert first["worth"] > second["worth"] > 0


async def test_a_rater_is_not_shown_what_they_rated(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    run_ids = [str(await scored(agent)) for agent in ("sage", "nova")]
    await rate(api, run_ids[0], "ada", 0.9)
    assert [run["id"] for run in await queue(api, rater="ada")] == [run_ids[1]]
    assert [run["id"] for run in await queue(api, rater=" ada ")] == [run_ids[1]]
    assert [run["id"] for run in await queue(api, rater="bob")] == [run_ids[1], run_ids[0]]
    assert {run["id"]: run["ratings"] for run in await queue(api)} == {run_ids[0]: 1, run_ids[1]: 0}


async def test_the_auditors_own_runs_are_not_for_people_to_rate(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    run_id = await scored("sage")
    await scored("auditor")
    assert [run["id"] for run in await queue(api)] == [str(run_id)]


async def test_the_newest_result_of_a_scorer_counts(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    run_id = await scored("sage")
    await db.execute(
        """INSERT INTO agent_run_score (run_id, scorer, version, auto, scored_at)
        VALUES ($1, 'judge', 'new', 0.4, now()), ($1, 'judge', 'old', 0.1, now() - interval '1 day'),
               ($1, 'reward', 'x', NULL, now())""",
        run_id,
    )
    (run,) = await queue(api)
    assert run["scores"]["judge"] == 0.4
    assert "reward" not in run["scores"]


async def test_only_recent_runs_wait(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    run_id = await scored("sage")
    await db.execute(UNGUARD)
    await db.execute("UPDATE agent_run_log SET created_at = created_at - $1::interval", timedelta(days=31))
    assert await queue(api) == []
    await db.execute("UPDATE agent_run_log SET created_at = now()")
    assert [run["id"] for run in await queue(api)] == [str(run_id)]


async def test_a_busy_agent_leaves_room_for_the_others(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await db.execute("""
        INSERT INTO agent_run_log (agent_id, created_at, rlhf_scores)
        SELECT CASE WHEN n < 500 THEN 'busy' ELSE 'agent-' || n END, now() - n * interval '1 minute',
            '{"overall": 0.5, "auto": 0.5}'
        FROM generate_series(1, 520) AS n
    """)
    agents = [run["agent_id"] for run in await queue(api, limit=10)]
    assert agents.count("busy") <= 3
    assert len(agents) == 10


@pytest.mark.parametrize(
    "stored",
    ["[]", '"done"', "5", "null", "{}", '{"overall": "high", "auto": [1]}', '{"overall": 1e400, "auto": -3}'],
)
async def test_scores_somebody_else_wrote_stop_no_queue(
    api: httpx.AsyncClient, db: asyncpg.Connection, stored: str
) -> None:
    await db.execute(
        "INSERT INTO agent_run_log (agent_id, rlhf_scores) VALUES ('sage', $1::text::jsonb)",
        stored,
    )
    (run,) = await queue(api)
    assert (run["overall"], run["scores"]) == (None, {})


@pytest.mark.parametrize(
    "params", [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"rater": "a\0"}, {"rater": "a" * 256}]
)
async def test_a_bad_question_is_refused(api: httpx.AsyncClient, params: dict[str, Any]) -> None:
    assert (await api.get(PATH, params=params)).status_code == 422
