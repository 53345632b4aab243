"""`runlog runs --follow` while the database goes away and comes back, and beside rows of odd dates."""

import asyncio

import asyncpg
import pytest

from app.cli import runs
from app.config import get_settings
from app.services.agent_run_log_service import write_run_log
from support.proxy import proxied

pytestmark = pytest.mark.anyio


async def test_follow_goes_on_when_the_database_is_back(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = "", ""

    async def until(text: str) -> None:
        nonlocal out, err
        while text not in out + err:
            await asyncio.sleep(0.05)
            captured = capsys.readouterr()
            out, err = out + captured.out, err + captured.err

    await write_run_log("sage", {"summary": "first"})
    async with proxied(database) as (proxy, url):
        monkeypatch.setenv("DATABASE_URL", url)
        get_settings.cache_clear()
        await runs.close_database()
        following = asyncio.create_task(runs._show(None, None, None, 50, True, True))
        async with asyncio.timeout(120):
            await until("first")
            proxy.go_away()
            await until("runlog: waiting, for the database cannot be reached")
            proxy.come_back()
            await write_run_log("sage", {"summary": "second"})
            await until("second")
        following.cancel()
    get_settings.cache_clear()
    assert out.count('"action_summary":"first"') == out.count('"action_summary":"second"') == 1
    assert err.count("\n") == 1


async def test_rows_of_odd_dates_are_shown_once_and_new_runs_after_them(
    db: asyncpg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    for date in ("50000-01-01", "infinity", "4000-01-01 BC", "2999-01-01", None):
        await db.execute(
            "INSERT INTO agent_run_log (agent_id, created_at) VALUES ('odd', $1::text::timestamptz)", date
        )
    out = ""
    # Of those dated ahead one more comes later where only two were asked for.
    for limit, shown in ((2, 3), (6, 5)):
        following = asyncio.create_task(runs._show(None, None, None, limit, False, True))
        new = f"new of {limit}"
        async with asyncio.timeout(120):
            while not out:
                await asyncio.sleep(0.05)
                out += capsys.readouterr().out
            await write_run_log("sage", {"summary": new})
            while new not in out or out.count("odd") < shown:
                await asyncio.sleep(0.05)
                out += capsys.readouterr().out
        following.cancel()
        assert out.count("odd") == shown
        out = ""
