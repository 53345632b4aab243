"""Rows that other programs wrote: whatever their dates and documents, every reader goes on and shows them."""

import asyncpg
import httpx
import pytest

from app.db.session import transaction
from app.kit.times import WEEK
from app.scoring.pipeline import unscored_runs
from app.services.agent_run_log_service import recent_runs
from app.tasks.rlhf_tasks import _sweep
from support.alerting import audited

pytestmark = pytest.mark.anyio

LOG = "/api/v1/internal/agent-run-log"
DATES = ["50000-01-01", "290000-01-01", "4000-01-01 BC", "0044-03-15 BC", "infinity", "-infinity", None]
SCORES = [
    "[]",
    "7",
    '"good"',
    "true",
    '{"overall": "high"}',
    '{"overall": [1]}',
    '{"overall": 1e400}',
    '{"human": 3}',
]
PAYLOADS = ["[" * 2000 + "]" * 2000, '{"a": ' * 3000 + "1" + "}" * 3000, '"text"', "7", "[1]", "null"]
PATHS = [
    LOG,
    f"{LOG}?agent_id=odd",
    f"{LOG}?q=nowhere",
    "/api/v1/internal/agents",
    "/api/v1/internal/agents/odd",
    "/api/v1/internal/agents/odd/feedback",
    "/api/v1/internal/quality",
    "/api/v1/public/platform/intelligence",
    "/metrics",
]


@pytest.fixture
async def odd(db: asyncpg.Connection) -> None:
    dated = (
        "INSERT INTO agent_run_log (agent_id, action_summary, created_at, run_at)"
        " VALUES ($1, 'x', CAST($2::text AS timestamptz), coalesce(CAST($2::text AS timestamptz), now()))"
    )
    for date in DATES:
        for agent in ("odd", f"dated {date}"):
            await db.execute(dated, agent, date)
    for scores in SCORES:
        await db.execute("INSERT INTO agent_run_log (agent_id, rlhf_scores) VALUES ('odd', $1)", scores)
    for payload in PAYLOADS:
        await db.execute("INSERT INTO agent_run_log (agent_id, actions_taken) VALUES ('odd', $1)", payload)


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize("path", PATHS)
async def test_every_page_is_answered(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert answer.status_code == 200, answer.text


@pytest.mark.usefixtures("odd")
async def test_each_row_is_shown_as_it_is(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    for row in await db.fetch("SELECT id, created_at::text, actions_taken::text FROM agent_run_log"):
        answer = await api.get(f"{LOG}/{row['id']}")
        assert answer.status_code == 200
        if row["actions_taken"]:
            assert row["actions_taken"].replace(" ", "") in answer.text.replace(" ", "")
        elif row["created_at"] and not row["created_at"].startswith("20"):
            assert answer.json()["created_at"] == row["created_at"]


@pytest.mark.usefixtures("odd")
async def test_the_newest_runs_come_among_them() -> None:
    assert len(await recent_runs(agent_id="odd")) >= len(SCORES) + len(PAYLOADS)


@pytest.mark.usefixtures("odd")
async def test_a_cycle_judges_every_agent() -> None:
    assert (await audited()).errors == []


@pytest.mark.usefixtures("odd")
async def test_the_sweep_finds_them_all(db: asyncpg.Connection) -> None:
    await db.execute("INSERT INTO agent_run_log (agent_id, created_at) VALUES ('sage', '2026-01-01')")
    await db.execute(
        "UPDATE agent_run_log SET created_at = '2026-01-02' WHERE created_at > '2026-01-02'"
        " AND created_at < now() + interval '1 hour'"
    )
    await _sweep(one_by_one=False)
    untried = "SELECT count(*) FROM agent_run_log WHERE rlhf_scores IS NULL"
    assert await db.fetchval(untried) == 0
    async with transaction() as session:
        assert await unscored_runs(session, older_than=WEEK, limit=100) == []
