"""How scores go: means, what changed, what cannot be compared, and how little is read for it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.session import transaction
from app.quality import trends
from app.quality.agent_feedback import agent_feedback
from app.quality.trend_queries import MOST_A_DAY
from support.log_changes import UNGUARD

pytestmark = pytest.mark.anyio

QUALITY = "/api/v1/internal/quality"
DAY = timedelta(days=1)


async def add(
    db: asyncpg.Connection,
    agent: str,
    overalls: Sequence[float | None],
    *,
    newest: timedelta,
    every: timedelta,
    scorer: str = "rubric",
    version: str = "1",
    human: bool = False,
    **dimensions: float,
) -> None:
    """Insert scored runs, the first `newest` ago, the others `every` before."""
    now = datetime.now(UTC)
    rows = []
    for number, overall in enumerate(overalls):
        scores: dict[str, Any] = {"overall": overall, "scorer": scorer, "version": version}
        scores |= {"dimensions": dimensions} if dimensions else {}
        scores |= {"human": {"rating": overall, "raters": 1}} if human else {}
        rows.append((agent, now - newest - number * every, json.dumps(scores)))
    await db.executemany(
        "INSERT INTO agent_run_log (agent_id, created_at, rlhf_scores) VALUES ($1, $2, $3)", rows
    )


async def two_weeks(db: asyncpg.Connection, agent: str, now: float, before: float, **scored: Any) -> None:
    """Four runs a day of two weeks, each week with a mean of its own."""
    for mean, newest in ((now, DAY / 24), (before, 7 * DAY + DAY / 24)):
        scores = [mean + (0.02 if number % 2 else -0.02) for number in range(28)]
        await add(db, agent, scores, newest=newest, every=DAY / 4, **scored)


async def quality(api: httpx.AsyncClient, **query: Any) -> Any:
    answer = await api.get(QUALITY, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_drop_is_found_of_the_fleet_the_agent_and_the_dimension(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await two_weeks(db, "nova", 0.6, 0.8, evidence=0.5, outcome=0.9)
    await two_weeks(db, "atlas", 0.7, 0.7, evidence=0.5)
    await db.execute("""
        UPDATE agent_run_log SET rlhf_scores = jsonb_set(rlhf_scores, '{dimensions,evidence}', '0.9')
        WHERE agent_id = 'nova' AND created_at < now() - interval '7 days'
    """)
    fleet = await quality(api)
    assert (fleet["agent_id"], fleet["days"], fleet["sampled"]) == (None, 7, False)
    assert (fleet["overall"]["mean"], fleet["overall"]["previous_mean"]) == (0.65, 0.75)
    assert (fleet["overall"]["runs"], fleet["overall"]["verdict"]) == (56, "declined")
    assert [(name, agent["verdict"]) for name, agent in fleet["agents"].items()] == [
        ("atlas", "no_change"),
        ("nova", "declined"),
    ]
    assert (fleet["total"], fleet["next_cursor"]) == (2, None)
    assert fleet["scorers"] == fleet["previous_scorers"] == {"rubric 1": 56}
    assert fleet["dimensions"]["evidence"]["verdict"] == "declined"
    assert fleet["dimensions"]["outcome"]["verdict"] == "no_change"
    nova = await quality(api, agent_id="nova")
    assert nova["overall"] == {
        "verdict": "declined",
        "scorer_changed": False,
        "change": -0.2,
        "interval": [-0.2, -0.2],
        "mean": 0.6,
        "runs": 28,
        "previous_mean": 0.8,
        "previous_runs": 28,
    }
    assert (nova["agents"], nova["total"], nova["next_cursor"]) == ({}, None, None)
    assert nova["dimensions"]["evidence"]["change"] == -0.4
    public = (await api.get("/api/v1/public/platform/intelligence")).json()["metrics"]
    assert public["rlhf_quality_score_7d"] == fleet["overall"]["mean"]
    assert public["rlhf_quality_score_previous_7d"] == fleet["overall"]["previous_mean"]


async def test_another_scorer_is_named_and_not_compared(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await add(db, "nova", [0.5] * 28, newest=DAY / 24, every=DAY / 4, version="2", evidence=0.4)
    await add(db, "nova", [0.9] * 28, newest=7 * DAY + DAY / 24, every=DAY / 4, evidence=0.9)
    await two_weeks(db, "atlas", 0.7, 0.7, evidence=0.7)
    for report in (await quality(api, agent_id="nova"), await quality(api)):
        assert report["overall"]["scorer_changed"] is True
        assert report["overall"]["verdict"] == "not_comparable"
        assert (report["overall"]["change"], report["overall"]["interval"]) == (None, None)
        assert report["dimensions"]["evidence"]["verdict"] == "not_comparable"
    assert (await quality(api, agent_id="nova"))["scorers"] == {"rubric 2": 28}
    agents = (await quality(api))["agents"]
    assert {name: agent["scorer_changed"] for name, agent in agents.items()} == {"atlas": False, "nova": True}


async def test_peoples_ratings_are_another_measure_of_the_whole_and_not_of_dimensions(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await add(db, "nova", [0.5] * 28, newest=DAY / 24, every=DAY / 4, human=True, evidence=0.5)
    await add(db, "nova", [0.9] * 28, newest=7 * DAY + DAY / 24, every=DAY / 4, evidence=0.5)
    nova = await quality(api, agent_id="nova")
    assert nova["overall"]["verdict"] == "not_comparable"
    assert nova["scorers"] == {"people": 28}
    assert nova["dimensions"]["evidence"]["verdict"] == "no_change"


async def test_few_runs_are_no_trend(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await add(db, "nova", [0.1, 0.2], newest=DAY / 24, every=DAY, evidence=0.1)
    await add(db, "nova", [0.9] * 20, newest=8 * DAY, every=DAY / 4)
    nova = await quality(api, agent_id="nova")
    assert (nova["overall"]["verdict"], nova["overall"]["change"]) == ("too_few_runs", None)
    assert nova["dimensions"]["evidence"] == {
        "verdict": "too_few_runs",
        "scorer_changed": False,
        "change": None,
        "interval": None,
        "mean": 0.1,
        "runs": 2,
        "previous_mean": None,
        "previous_runs": 0,
    }


async def test_a_fleet_without_runs(api: httpx.AsyncClient) -> None:
    report = await quality(api)
    assert report["overall"]["verdict"] == "too_few_runs"
    assert (report["overall"]["mean"], report["agents"], report["dimensions"]) == (None, {}, {})


async def pages(api: httpx.AsyncClient, **query: Any) -> AsyncIterator[Any]:
    """Each page of the fleet's agents in turn."""
    page = await quality(api, **query)
    yield page
    while cursor := page["next_cursor"]:
        page = await quality(api, **query, cursor=cursor)
        yield page


async def test_the_agents_of_a_fleet_come_in_pages_while_agents_come_and_go(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    for number in range(7):
        await two_weeks(db, f"agent-{number}", 0.6, 0.8)
    await add(db, "old", [0.5] * 3, newest=15 * DAY, every=DAY)
    await add(db, "unscored", [None], newest=DAY, every=DAY)
    seen: list[str] = []
    async for page in pages(api, limit=3):
        seen += page["agents"]
        assert (page["overall"]["verdict"], len(page["agents"])) == ("declined", 3)
        if len(seen) == 3:
            assert page["total"] == 8
            await db.execute(UNGUARD)
            await db.execute("DELETE FROM agent_run_log WHERE agent_id IN ('agent-1', 'agent-2', 'agent-4')")
            await add(db, "agent-0-later", [0.5], newest=DAY / 24, every=DAY)
            await add(db, "agent-3-later", [0.5], newest=DAY / 24, every=DAY)
            await add(db, "z", [0.5], newest=DAY / 24, every=DAY)
    assert seen == [f"agent-{n}" for n in (0, 1, 2, 3)] + [
        "agent-3-later",
        "agent-5",
        "agent-6",
        "unscored",
        "z",
    ]
    whole = await quality(api)
    assert (len(whole["agents"]), whole["total"], whole["next_cursor"]) == (8, 8, None)
    assert whole["agents"]["unscored"]["verdict"] == "too_few_runs"


async def test_an_agents_windows_begin_to_the_instant(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    """As everywhere else its figures are shown; and what is kept by the hour is cut there."""
    week, minute = 7 * DAY, timedelta(minutes=1)
    for newest, overall in ((week - minute, 0.2), (week + minute, 0.4), (2 * week - minute, 0.6)):
        await add(db, "nova", [overall], newest=newest, every=DAY)
    await add(db, "nova", [0.9], newest=2 * week + minute, every=DAY)
    nova = (await quality(api, agent_id="nova"))["overall"]
    assert (nova["mean"], nova["runs"]) == (0.2, 1)
    assert (nova["previous_mean"], nova["previous_runs"]) == (0.5, 2)
    fleet = (await quality(api))["overall"]
    assert (fleet["mean"], fleet["previous_mean"]) == (0.2, 0.5)
    listed = (await api.get("/api/v1/internal/agents/nova")).json()
    assert (listed["rlhf_quality_score_7d"], listed["runs_scored_7d"]) == (0.2, 1)


async def test_shorter_windows(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await add(db, "nova", [0.9] * 20, newest=DAY / 24, every=DAY / 7)
    await add(db, "nova", [0.5] * 20, newest=3 * DAY + DAY / 24, every=DAY / 7)
    for report in (await quality(api, days=3), await quality(api, days=3, agent_id="nova")):
        assert report["overall"]["verdict"] == "improved"
        assert (report["overall"]["runs"], report["overall"]["previous_runs"]) == (20, 20)


@pytest.mark.parametrize(
    "query",
    [
        *({"days": 2}, {"days": 8}, {"days": "x"}, {"agent_id": "a\0"}),
        *({"limit": 0}, {"limit": 1001}, {"cursor": "nova"}, {"cursor": ""}),
    ],
)
async def test_a_wrong_question_is_refused(api: httpx.AsyncClient, query: dict[str, Any]) -> None:
    assert (await api.get(QUALITY, params=query)).status_code == 422


async def test_nobody_knows_how_an_unknown_agent_does(api: httpx.AsyncClient) -> None:
    answer = await api.get(QUALITY, params={"agent_id": "nobody"})
    assert (answer.status_code, answer.json()) == (
        404,
        {"detail": "this agent has neither reported nor been declared"},
    )
    await api.put("/api/v1/internal/agents/nobody", json={})
    assert (await quality(api, agent_id="nobody"))["overall"]["verdict"] == "too_few_runs"


@pytest.mark.parametrize(
    "scores",
    [
        '{"overall": 1e300, "dimensions": {"evidence": -1e300}}',
        '{"overall": 0.5, "dimensions": [1], "scorer": {"a": 1}, "version": null}',
        '{"overall": 0.5, "dimensions": {"evidence": "high", "Bad \\u001b[31m": 0.5, "": 0.1}}',
        '{"overall": "high"}',
        "[]",
        "5",
    ],
)
async def test_whatever_stands_beside_a_run_is_no_error(
    api: httpx.AsyncClient, db: asyncpg.Connection, scores: str
) -> None:
    insert = "INSERT INTO agent_run_log (agent_id, rlhf_scores) VALUES ('nova', $1)"
    await db.executemany(insert, [(scores,)] * 3)
    for report in (await quality(api), await quality(api, agent_id="nova")):
        assert report["overall"]["verdict"] == "too_few_runs"
        assert set(report["dimensions"]) <= {"evidence"}
    assert (await api.get("/api/v1/internal/agents/nova/feedback")).status_code == 200


async def test_few_rows_are_read_however_long_the_log_is(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await db.execute("""
        INSERT INTO agent_run_log (agent_id, created_at, status, rlhf_scores)
        SELECT 'agent-' || n % 3, now() - n * interval '30 seconds', 'success',
            '{"overall": 0.5, "scorer": "rubric", "version": "1", "dimensions": {"evidence": 0.5}}'
        FROM generate_series(0, 60000) AS n
    """)
    await db.execute("VACUUM ANALYZE")
    days, a_day = 14, 2_880
    # The fleet's minutes at each end of a day are cut to the run.
    assert await entries_read(trends.fleet_quality) <= days * (MOST_A_DAY + 3 * 3 + 4)
    one = await entries_read(lambda session: trends.agent_quality(session, "agent-1"))
    # A day of so small a fleet is walked where it lies rather than by the index of the agent.
    assert one <= days * (a_day + 1) + 2 * a_day / 24
    read = await entries_read(lambda session: agent_feedback(session, "agent-1"))
    assert read <= one + 2 * (500 + 2_000)
    report = await quality(api)
    assert report["sampled"] is True
    assert report["dimensions"]["evidence"]["runs"] == 7 * MOST_A_DAY
    assert report["overall"]["runs"] == 7 * 2880


async def entries_read(read: Callable[[AsyncSession], Awaitable[object]]) -> int:
    """How many entries of the log and its indexes `read` goes through."""
    entries = text("""
        SELECT sum(pg_stat_get_xact_tuples_returned(oid)) FROM pg_class
        WHERE oid = 'agent_run_log'::regclass OR oid IN
            (SELECT indexrelid FROM pg_index WHERE indrelid = 'agent_run_log'::regclass)
    """)
    async with transaction() as session:
        before = await session.scalar(entries)
        await read(session)
        return int(await session.scalar(entries) - before)
