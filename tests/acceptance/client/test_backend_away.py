"""Many processes report, are killed, and the server goes and comes: no run is lost, doubled or overtaken."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from conftest import Servers
from support import client_reporter
from support.client_reporter import AGENTS, Returned
from support.processes import eventually, free_port, served

PROCESSES = 8
RUNS = 30

pytestmark = pytest.mark.anyio


def start(lines: Path, name: str, port: int) -> "subprocess.Popen[bytes]":
    env = {**os.environ, "RUNLOG_URL": f"http://127.0.0.1:{port}"}
    command = [sys.executable, client_reporter.__file__, str(lines), name, str(RUNS), "0.5"]
    return subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)


def kill_at_random(processes: "list[subprocess.Popen[bytes]]", seconds: float) -> None:
    """End some of the processes at random moments of these seconds, each with SIGKILL."""
    for process in processes:
        time.sleep(random.uniform(0, 2 * seconds / len(processes)))
        process.kill()


def flushed(port: int) -> str:
    code = "from agent_run_log import flush; print(flush(120).left)"
    env = {**os.environ, "RUNLOG_URL": f"http://127.0.0.1:{port}"}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True
    ).stdout.strip()


async def test_what_returned_is_stored_once_and_in_order(
    database: str, db: asyncpg.Connection, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", servers.broker_url)
    lines, port = tmp_path / "lines", free_port()
    first = [start(lines, f"first-{number}", port) for number in range(PROCESSES)]
    assert eventually(lambda: lines.exists() and lines.read_text().count("\n") > 3 * PROCESSES)
    with served(env={}, log=tmp_path / "serve.log", port=port):
        kill_at_random(first[: PROCESSES // 2], 2)
    second = [start(lines, f"second-{number}", port) for number in range(PROCESSES // 2)]
    kill_at_random(second[: PROCESSES // 4], 2)
    with served(env={}, log=tmp_path / "serve.log", port=port):
        for process in [*first, *second]:
            process.wait(120)
        assert flushed(port) == "0"

    returned = [Returned(*json.loads(line)) for line in lines.read_text().splitlines()]
    rows = await db.fetch("SELECT agent_id, action_summary AS run FROM agent_run_log ORDER BY created_at")
    assert {each.state for each in returned} <= {"delivered", "spooled"}
    assert sum(each.state == "spooled" for each in returned) > PROCESSES
    for agent in AGENTS:
        stored = [row["run"] for row in rows if row["agent_id"] == agent]
        assert len(stored) == len(set(stored))
        of_agent = [each for each in returned if each.agent == agent]
        assert {each.run for each in of_agent} <= set(stored)
        place = {run: number for number, run in enumerate(stored)}
        swapped = [
            (before, after)
            for before in of_agent
            for after in of_agent
            if before.returned < after.called and place[before.run] > place[after.run]
        ]
        assert swapped == []
