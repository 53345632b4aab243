"""An installation of the product's first version is upgraded while its processes go on writing."""

import asyncpg
import pytest

from app.schema.sync import find_drift, sync_schema
from support.derived import check_derived
from support.first_version import FIRST_SCHEMA, FirstVersion
from support.replay import check_log

pytestmark = pytest.mark.anyio


async def test_the_first_version_is_upgraded_under_load(empty_database: str) -> None:
    """What its processes do before, during and after the synchronisation is kept, and counts once."""
    db = await asyncpg.connect(empty_database)
    try:
        await db.execute(FIRST_SCHEMA)
        first = FirstVersion(empty_database)
        first.begin(3)
        await first.wait_for(200)
        await db.execute("INSERT INTO agent_run_feedback SELECT id, 'ada', 0.25 FROM agent_run_log LIMIT 5")
        done = await sync_schema(empty_database)
        await first.wait_for(200)  # a deployment ends the old processes after that
        await first.end()
        assert "created table run_rollup" in done
        kept = {row["id"] for row in await db.fetch("SELECT id FROM agent_run_log")}
        assert kept == set(first.acknowledged)
        assert not first.failures
        assert await find_drift(empty_database) == []
        await check_derived(db)
        await check_log(db)
        assert await db.fetchval("SELECT count(*) FROM agent_run_feedback WHERE rating = 0.25") == 5
        assert await sync_schema(empty_database) == []
    finally:
        await db.close()
