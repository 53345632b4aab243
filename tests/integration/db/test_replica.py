"""The public face on a replica: what it shows, what it says of its age, and when the primary is read."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from app.api.v1.endpoints.platform_intelligence import LAG_HEADER
from app.embedded.ports import free_port
from support.applications import opened
from support.database import execute, until_it_is
from support.standby import IN_STEP, Pair

pytestmark = pytest.mark.anyio

INTELLIGENCE = "/api/v1/public/platform/intelligence"
REPLAYED = "SELECT pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()"
HAS_REPLAYED = "SELECT pg_last_xact_replay_timestamp() IS NOT NULL"
PAUSED = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
COUNT = "SELECT count(*) FROM agent_run_log"

Public = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def public(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Public:
    """Opens the public face on both servers, with other settings where a test gives some."""

    @asynccontextmanager
    async def open_face(**settings: str) -> AsyncIterator[httpx.AsyncClient]:
        urls = {
            "DATABASE_URL": pair.primary.url,
            "RUNLOG_REPLICA_DATABASE_URL": pair.standby.url,
            "RUNLOG_EXPOSE": "public",
        }
        for name, value in (urls | settings).items():
            monkeypatch.setenv(name, value)
        async with opened() as client:
            yield client

    return open_face


@pytest.fixture
async def behind(pair: Pair) -> AsyncIterator[str]:
    """The standby lacks a run of the agent that is named: it does not replay, and had a commit before."""
    await execute(pair.primary.url, "SELECT txid_current()")
    await until_it_is(pair.standby.url, HAS_REPLAYED, True)
    await execute(pair.standby.url, "SELECT pg_wal_replay_pause()")
    await until_it_is(pair.standby.url, PAUSED, True)
    await execute(pair.primary.url, "INSERT INTO agent_run_log (agent_id) VALUES ('atlas')")
    yield "atlas"
    await execute(pair.standby.url, "SELECT pg_wal_replay_resume()")
    await until_it_is(pair.standby.url, REPLAYED, True)


async def shown(client: httpx.AsyncClient) -> tuple[set[str], float | None]:
    """The agents that the face shows, and how far behind it says to be."""
    answer = await client.get(INTELLIGENCE)
    assert answer.status_code == 200
    lag = answer.headers.get(LAG_HEADER)
    return {event["agent_id"] for event in answer.json()["events"]}, None if lag is None else float(lag)


async def test_a_replica_in_step_is_read(pair: Pair, public: Public) -> None:
    await execute(pair.primary.url, "INSERT INTO agent_run_log (agent_id) VALUES ('sage')")
    await until_it_is(pair.standby.url, COUNT, 1)
    away = urlsplit(pair.primary.url)._replace(netloc=f"u:p@127.0.0.1:{free_port()}").geturl()
    async with public(DATABASE_URL=away) as client:
        agents, lag = await shown(client)
        assert (agents, lag is not None and lag < 30) == ({"sage"}, True)
        for path in ("/", "/badge/fleet.svg", "/badge/sage.svg"):
            assert (await client.get(path)).status_code == 200, path


async def test_a_replica_behind_says_so(behind: str, public: Public) -> None:
    async with public(RUNLOG_REPLICA_MAX_LAG="3600") as client:
        while True:
            agents, lag = await shown(client)
            assert behind not in agents
            assert lag is not None
            if lag >= 1:
                break
        assert "This page is" in (await client.get("/")).text


async def test_the_primary_is_read_where_the_replica_is_too_far_behind(behind: str, public: Public) -> None:
    async with public(RUNLOG_REPLICA_MAX_LAG="0") as client:
        assert await shown(client) == ({behind}, None)
        assert "This page is" not in (await client.get("/")).text


async def test_the_internal_face_reads_the_primary(behind: str, public: Public) -> None:
    async with public(RUNLOG_REPLICA_MAX_LAG="3600", RUNLOG_EXPOSE="all") as client:
        assert await shown(client) == ({behind}, None)


async def test_the_primary_is_read_while_the_replica_is_away(pair: Pair, public: Public) -> None:
    local = await asyncpg.connect(pair.primary.url, server_settings={"synchronous_commit": "local"})
    pair.standby.stop()
    await local.execute("INSERT INTO agent_run_log (agent_id) VALUES ('sage')")
    async with public() as client:
        assert await shown(client) == ({"sage"}, None)
    pair.standby.start()
    await until_it_is(pair.primary.url, IN_STEP, 1)
    await local.close()
