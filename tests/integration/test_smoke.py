import asyncpg
import httpx
import pytest

pytestmark = pytest.mark.anyio


async def test_a_run_becomes_a_row(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    answer = await api.post("/api/v1/internal/agent-run-log", json={"agent_id": "a", "status": "success"})
    assert answer.status_code == 204
    assert await db.fetchval("SELECT count(*) FROM agent_run_log") == 1
