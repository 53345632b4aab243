"""Runs are recorded while readers wait for the database."""

import asyncio
from collections import Counter

import asyncpg
import httpx
import pytest

from app.api.reads import MOST_READS

pytestmark = pytest.mark.anyio


async def test_readers_that_wait_leave_room_for_runs(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    async with db.transaction():
        await db.execute("LOCK TABLE agent")
        readers = [asyncio.create_task(api.get("/api/v1/internal/agents")) for _ in range(30)]
        await asyncio.sleep(0.5)
        async with asyncio.timeout(30):
            run = {"agent_id": "sage", "status": "success"}
            response = await api.post("/api/v1/internal/agent-run-log", json=run)
        assert response.status_code == 204
        assert not any(reader.done() for reader in readers)
        first = await asyncio.wait(readers, return_when=asyncio.FIRST_COMPLETED)
        refused = first[0].pop().result()
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert (await api.get("/readyz/ingest")).status_code == 200
    statuses = Counter([(await reader).status_code for reader in readers])
    assert statuses == {200: MOST_READS, 503: len(readers) - MOST_READS}
