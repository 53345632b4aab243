"""A host whose clock is far off loses no run: it is recorded without the times that the server refuses."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Servers
from support.database import query
from support.processes import served

WRONG = "2999-01-01T00:00:00+00:00"


def test_it_is_recorded_without_its_times(
    database: str, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", servers.broker_url)
    code = (
        "from datetime import datetime; from agent_run_log import report_run;"
        f"assert report_run('nova', 'success', finished_at=datetime.fromisoformat('{WRONG}')).delivered"
    )
    with served(env={}, log=tmp_path / "serve.log") as server:
        monkeypatch.setenv("RUNLOG_URL", server.url)
        runlog = str(Path(sys.executable).with_name("runlog"))
        report = [runlog, "report", "sage", "success", "--summary", "Done", "--finished-at", WRONG]
        for command in (report, [sys.executable, "-c", code]):
            done = subprocess.run(command, capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, "")
    agents = "SELECT array_agg(agent_id ORDER BY agent_id) FROM agent_run_log"
    assert asyncio.run(query(database, agents)) == ["nova", "sage"]
    dated = "SELECT count(*) FROM agent_run_report WHERE finished_at IS NOT NULL"
    assert asyncio.run(query(database, dated)) == 0
