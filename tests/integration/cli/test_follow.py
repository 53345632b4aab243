"""`runlog tail` while the database or the server goes away and comes back, and beside rows of odd dates."""

from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest

from app.services.agent_run_log_service import write_run_log
from support.following import following
from support.processes import free_port, served
from support.proxy import proxied

pytestmark = pytest.mark.anyio


async def test_follow_goes_on_when_the_database_is_back(database: str) -> None:
    await write_run_log("sage", {"summary": "first"})
    async with (
        proxied(database) as (proxy, url),
        following("runs", "--follow", "--json", DATABASE_URL=url) as follow,
    ):
        await follow.until("first")
        proxy.go_away()
        await follow.until("runlog: waiting, for the database")
        proxy.come_back()
        await write_run_log("sage", {"summary": "second"})
        await follow.until("second")
    for word in ("first", "second"):
        assert follow.out.count(f'"action_summary":"{word}"') == 1
    assert follow.err.count("\n") == 1


async def test_follow_goes_on_when_the_server_is_back(database: str, tmp_path: Path) -> None:
    port = free_port()
    server = {"DATABASE_URL": database}
    await write_run_log("sage", {"summary": "first"})
    # The command has the server's address alone.
    address = {"DATABASE_URL": "", "RUNLOG_URL": f"http://127.0.0.1:{port}"}
    with ExitStack() as before:
        before.enter_context(served(env=server, log=tmp_path / "log", port=port))
        async with following("tail", "--json", **address) as follow:
            await follow.until("first")
            before.close()
            await follow.until(f"runlog: waiting, for http://127.0.0.1:{port} does not answer")
            await write_run_log("sage", {"summary": "second"})
            with served(env=server, log=tmp_path / "log", port=port):
                await follow.until("second")
                await write_run_log("sage", {"summary": "third"})
                await follow.until("third")
    for word in ("first", "second", "third"):
        assert follow.out.count(f'"action_summary":"{word}"') == 1
    assert follow.err.count("\n") == 1


async def test_rows_of_odd_dates_are_shown_once_and_new_runs_after_them(
    database: str, db: asyncpg.Connection
) -> None:
    for date in ("50000-01-01", "infinity", "4000-01-01 BC", "2999-01-01", None):
        await db.execute(
            "INSERT INTO agent_run_log (agent_id, created_at) VALUES ('odd', $1::text::timestamptz)", date
        )
    # Of those dated ahead one more comes later where only two were asked for.
    for limit, shown in ((2, 3), (6, 5)):
        async with following("tail", "--limit", str(limit)) as follow:
            await follow.until("odd")
            await write_run_log("sage", {"summary": f"new of {limit}"})
            await follow.until(f"new of {limit}")
            await follow.until("odd", shown)
        assert follow.out.count("odd") == shown
