"""Behind a pooler in transaction mode, such as PgBouncer 1.21: any transaction may have another session.

The second half is skipped without a `pgbouncer` on PATH, or named by RUNLOG_TEST_PGBOUNCER.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from sqlalchemy import text

from app.config import get_settings
from app.db.session import transaction
from app.errors import SchemaError
from app.runs.calibration import LOCK_TIMEOUT
from app.runs.writer import get_writer
from app.schema.sync import find_drift, sync_schema
from support.pooler import LEAST_VERSION, StrictProxy, pgbouncer, pgbouncer_version, strict_proxy
from support.processes import called, running

pytestmark = pytest.mark.anyio

ENDPOINT = "/api/v1/internal/agent-run-log"
READ = ("/", "/runs", "/agents", "/audit", "/api/v1/public/platform/intelligence", ENDPOINT, "/readyz/ingest")
UNSCORED = "SELECT count(*) FROM agent_run_log WHERE rlhf_scores IS NULL"


def point_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the settings name `url`."""
    monkeypatch.setenv("DATABASE_URL", url)
    get_settings.cache_clear()


@pytest.fixture
async def strict(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StrictProxy]:
    """A proxy on the way to the database, which the settings name."""
    async with strict_proxy(database) as (proxy, url):
        point_at(url, monkeypatch)
        yield proxy


async def report(api: httpx.AsyncClient, number: int, key: str | None) -> int:
    """The status of a report's answer."""
    body = {"agent_id": f"agent-{number % 7}", "status": "success", "actions_taken": {"number": number}}
    return (await api.post(ENDPOINT, json=body, headers={"Idempotency-Key": key} if key else {})).status_code


async def record_and_read(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    """Report runs at once, with keys, without, and again, merge one, and open pages."""
    reports = [report(api, n, f"key-{n}" if n % 2 else None) for n in range(40)]
    again = [report(api, n, f"key-{n}") for n in range(1, 40, 2)]
    assert set(await asyncio.gather(*reports)) == {204}
    assert set(await asyncio.gather(*again)) == {204}
    further = {"agent_id": "agent-1", "status": "success", "run_key": "key-1", "source": "test"}
    assert (await api.post(ENDPOINT, json=further)).status_code == 204
    assert await db.fetchval("SELECT count(*) FROM agent_run_log") == 40
    for path in READ:
        assert (await api.get(path)).status_code == 200, path


async def test_nothing_is_asked_for_that_a_pooler_cannot_keep(
    strict: StrictProxy, api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await record_and_read(api, db)
    assert strict.refused == []


async def test_the_proxy_refuses_what_a_pooler_does(strict: StrictProxy) -> None:
    url = get_settings().require_database_url()
    with pytest.raises(asyncpg.ProtocolViolationError, match="unsupported startup parameter: jit"):
        await asyncpg.connect(url, server_settings={"jit": "off"})
    db = await asyncpg.connect(url)
    await db.execute("SET LOCAL jit = off; SET jit = off")
    await db.fetchval("SELECT pg_try_advisory_lock($1)", 1)
    await db.fetchval("SELECT set_config('jit', 'off', true)")
    await db.close()
    assert strict.refused == ["jit", " SET jit = off", "SELECT pg_try_advisory_lock($1)"]


async def test_each_transaction_has_its_limits_and_leaves_none_behind(database: str) -> None:
    shown = "SELECT current_setting('jit'), current_setting('idle_in_transaction_session_timeout')"
    async with transaction() as session:
        assert tuple((await session.execute(text(shown))).one()) == ("off", "1min")
        driver = (await (await session.connection()).get_raw_connection()).driver_connection
    assert driver is not None
    assert tuple(await driver.fetchrow(shown)) == ("on", "0")


@pytest.mark.parametrize("key", [None, "key"])
async def test_a_batch_limits_its_own_waits(
    database: str, db: asyncpg.Connection, api: httpx.AsyncClient, key: str | None
) -> None:
    """Those for a key's owner, too, which come first."""
    assert await report(api, 0, None) == 204
    noted = f"""
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF current_setting('lock_timeout') <> '{LOCK_TIMEOUT}' THEN RAISE 'no limit'; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER note BEFORE INSERT ON agent_run_idempotency_key
            FOR EACH ROW EXECUTE FUNCTION note();
        CREATE TRIGGER note BEFORE INSERT ON agent_run_state FOR EACH ROW EXECUTE FUNCTION note();
    """
    await db.execute(noted)
    assert await report(api, 0, key) == 204


async def test_schema_work_wants_the_server_itself(
    strict: StrictProxy, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pooled = get_settings().require_database_url()
    with pytest.raises(SchemaError, match=r"through a pooler.*RUNLOG_SCHEMA_DATABASE_URL"):
        await sync_schema(pooled)
    assert await find_drift(pooled) == []
    assert strict.refused == []
    monkeypatch.setenv("RUNLOG_SCHEMA_DATABASE_URL", database)
    synced = await asyncio.to_thread(called, "schema", "sync")
    assert (synced.returncode, synced.stdout) == (0, "nothing to do: the schema is up to date\n")
    assert strict.refused == []


@pytest.fixture
def pooled(
    database: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The settings name a real PgBouncer before the database."""
    if pgbouncer_version() < LEAST_VERSION:
        pytest.skip("no PgBouncer of 1.21 or later: name one by RUNLOG_TEST_PGBOUNCER")
    with pgbouncer(database, tmp_path_factory.mktemp("pooler") / "pgbouncer") as url:
        point_at(url, monkeypatch)
        yield url


async def test_pgbouncer_takes_all_of_it(
    pooled: str, api: httpx.AsyncClient, db: asyncpg.Connection, broker: object, tmp_path: Path
) -> None:
    await record_and_read(api, db)
    await get_writer().drain()
    with pytest.raises(SchemaError, match="through a pooler"):
        await sync_schema(pooled)
    sweep_soon = {"RUNLOG_SCORE_SWEEP_INTERVAL": "1", "RUNLOG_SCORE_SWEEP_AGE": "0"}
    log = tmp_path / "log"
    with running("worker", "--concurrency", "2", env={}, log=log), running("beat", env=sweep_soon, log=log):
        async with asyncio.timeout(120):
            while await db.fetchval(UNSCORED):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    assert "Traceback" not in log.read_text(encoding="utf-8")
