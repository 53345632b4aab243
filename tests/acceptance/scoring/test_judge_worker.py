"""Judging by the real commands."""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.services.agent_run_log_service import write_run_log
from support.attacks import CLEAN
from support.brokers import Broker
from support.database import until_it_is
from support.judge_stub import GOOD, Endpoint, completion, judging
from support.processes import RUNLOG, called, running

pytestmark = pytest.mark.anyio

JUDGED = "SELECT count(*) FROM agent_run_log WHERE rlhf_scores ->> 'scorer' = 'judge'"
CALLS = "SELECT calls FROM judge_usage"
HANG = 120.0


def settings(endpoint: Endpoint, **others: str) -> dict[str, str]:
    """The environment of a command that knows the judge."""
    return {"RUNLOG_JUDGE_URL": endpoint.url, "RUNLOG_JUDGE_MODEL": "m"} | others


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return when `holds` does."""
    async with asyncio.timeout(HANG):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_posted_run_is_scored_at_once_and_judged_beside(
    database: str, db: asyncpg.Connection, broker: Broker, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    with judging() as endpoint, ExitStack() as stack:
        env = settings(endpoint, RUNLOG_JUDGE_TIMEOUT="60")
        worker = stack.enter_context(running("worker", "--concurrency", "1", env=env, log=log))
        endpoint.release.clear()
        for agent in ("sage", "nova"):
            run = {"agent_id": agent, "status": "success", "actions_taken": CLEAN}
            assert (await api.post("/api/v1/internal/agent-run-log", json=run)).status_code == 204

        async def asked() -> bool:
            return bool(endpoint.requests)  # for both runs, where they came in one message

        await until(asked)
        # The judge takes its time, and the only other process goes on scoring.
        await write_run_log("luma", {"summary": "NO_REPLY"})
        await until_it_is(
            database, "SELECT rlhf_scores ->> 'scorer' FROM agent_run_log WHERE agent_id = 'luma'", "rubric"
        )
        assert await db.fetchval(JUDGED) == 0
        endpoint.release.set()
        await until_it_is(database, JUDGED, 2)
        assert len(endpoint.requests) == 2
        worker.terminate()
        assert await asyncio.to_thread(worker.wait, 120) == 0
    assert "Traceback" not in log.read_text(encoding="utf-8")


async def test_two_workers_together_keep_a_small_budget(
    database: str, db: asyncpg.Connection, broker: Broker, tmp_path: Path
) -> None:
    log = tmp_path / "workers.log"
    with judging() as endpoint:
        env = settings(endpoint, RUNLOG_JUDGE_DAILY_BUDGET="7")
        with running("worker", "--judge", env=env, log=log), running("worker", "--judge", env=env, log=log):
            for n in range(40):
                await write_run_log(f"agent-{n}", CLEAN)
            with running("worker", "--concurrency", "1", env=env, log=log):
                await until_it_is(database, "SELECT count(*) FROM agent_run_log WHERE rlhf_scores IS NULL", 0)
                await until_it_is(database, JUDGED, 7)
                for n in range(5):
                    await write_run_log(f"more-{n}", CLEAN)
                await until_it_is(database, "SELECT count(*) FROM agent_run_log WHERE rlhf_scores IS NULL", 0)
        assert len(endpoint.requests) == await db.fetchval(CALLS) == await db.fetchval(JUDGED) == 7


def started(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """How a command ended and what it said, as a process."""
    return subprocess.run(
        [*RUNLOG, *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_trying_a_judge(database: str) -> None:
    with judging() as endpoint:
        done = started("score", "judge", "test", **settings(endpoint))
        assert (done.returncode, done.stderr) == (0, "")
        assert "judged 0.42 after" in done.stdout
        assert "  evidence 0.4\n" in done.stdout
        assert "it took 700 tokens and answered with 60" in done.stdout
        endpoint.answers(completion(GOOD | {"overall": 3}))
        done = called("score", "judge", "test", **settings(endpoint))
        assert done.returncode == 1
        assert "no judgement after" in done.stdout
        assert "`$.overall`" in done.stdout
        status = called("score", "judge", "status", **settings(endpoint))
        assert "today: 0 of 500 calls, 500 left" in status.stdout
        assert (
            '"budget_left":500' in called("score", "judge", "status", "--json", **settings(endpoint)).stdout
        )


HALF_A_JUDGE = (1, "", "runlog: RUNLOG_JUDGE_MODEL is set, and RUNLOG_JUDGE_URL is not\n")


@pytest.mark.parametrize("command", [("worker",), ("beat",), ("score", "judge", "test")])
def test_half_a_judge_ends_a_command_in_one_sentence(
    database: str, broker: Broker, command: tuple[str, ...]
) -> None:
    done = called(*command, RUNLOG_JUDGE_MODEL="m")
    assert (done.returncode, done.stdout, done.stderr) == HALF_A_JUDGE


def test_half_a_judge_ends_the_supervisor_in_one_sentence() -> None:
    done = started("up", RUNLOG_JUDGE_MODEL="m")
    assert (done.returncode, done.stdout, done.stderr) == HALF_A_JUDGE


def test_no_judge_to_try_is_said_in_one_sentence() -> None:
    done = called("score", "judge", "test")
    assert (done.returncode, done.stderr) == (
        1,
        "runlog: no judge is set: RUNLOG_JUDGE_URL and RUNLOG_JUDGE_MODEL\n",
    )
