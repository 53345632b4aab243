"""`runlog runs --follow` while the database goes away and comes back."""

import asyncio

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
