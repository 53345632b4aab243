"""`write_run_log` and `recent_runs` in programs of the agents' own, with nothing set up before."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

import asyncpg
import pytest

from app.errors import ConfigError, InvalidRunError
from app.services.agent_run_log_service import recent_runs, write_run_log
from support.brokers import Broker
from support.processes import free_port

pytestmark = pytest.mark.anyio

AGENT = """
import asyncio
from app.services.agent_run_log_service import recent_runs, write_run_log

async def main():
    run_id = await write_run_log(
        agent_id="atlas",
        actions_taken={"summary": "Scaled worker replicas to 3"},
        status="success",
    )
    newest = (await recent_runs(agent_id="atlas", limit=1))[0]
    assert newest.id == run_id and newest.action_summary == "Scaled worker replicas to 3"
    print(run_id)

asyncio.run(main())
"""
TWO_LOOPS = """
import asyncio
from app.services.agent_run_log_service import write_run_log

for agent in ("atlas", "lyra"):
    print(asyncio.run(write_run_log(agent)))
"""
CROWD = """
import asyncio
from app.services.agent_run_log_service import write_run_log

async def main():
    for run_id in await asyncio.gather(*(write_run_log(f"agent-{n % 5}", {"n": n}) for n in range(300))):
        print(run_id)

asyncio.run(main())
"""


@pytest.fixture
def agent(database: str, tmp_path: Path) -> Callable[..., list[str]]:
    """Runs a script as an agent's own process: no warning, no error; returns what it printed."""

    def run(script: str, **env: str) -> list[str]:
        path = tmp_path / "agent.py"
        path.write_text(script, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "always", str(path)],
            env={**os.environ, "DATABASE_URL": database, **env},
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert (done.returncode, done.stderr.decode()) == (0, "")
        return done.stdout.decode().split()

    return run


async def test_a_script_needs_only_a_database_url_and_may_be_run_again(agent, db: asyncpg.Connection) -> None:
    """As in the specification, with a loop for each run, and many runs at once."""
    printed = agent(AGENT * 2 + TWO_LOOPS + CROWD) + agent(AGENT)
    stored = {str(row["id"]) for row in await db.fetch("SELECT id FROM agent_run_log")}
    assert set(printed) == stored
    assert len(printed) == len(stored)


def test_ids_are_handed_to_the_broker_before_the_script_ends(agent, broker: Broker) -> None:
    printed = agent(AGENT * 2 + CROWD)
    assert sorted(broker.run_ids()) == sorted(printed)


def test_one_run_is_sent_as_the_specification_says(agent, broker: Broker) -> None:
    assert broker.messages() == []
    (printed,) = agent(AGENT)
    assert broker.messages() == [("app.tasks.rlhf_tasks.score_agent_run", [printed])]


def test_a_broker_that_is_away_delays_the_end_by_seconds_at_most(
    agent, database: str, tmp_path: Path
) -> None:
    (tmp_path / "agent.py").write_text(AGENT, encoding="utf-8")
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(tmp_path / "agent.py")],
        env={**os.environ, "CELERY_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0"},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0
    assert time.monotonic() - started < 60  # the start of a process on a busy machine included
    UUID(done.stdout.decode().strip())  # what we have to say goes to stderr, not among the agent's output
    assert b"score_dispatch_failed" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.usefixtures("database")
async def test_any_mapping_is_an_object() -> None:
    await write_run_log("a", MappingProxyType({"summary": "done"}))
    assert (await recent_runs())[0].actions_taken == {"summary": "done"}


@pytest.mark.usefixtures("database")
async def test_what_the_endpoint_refuses_is_a_value_error() -> None:
    for arguments in (
        ("", {}),
        ("  ", {}),
        ("a" * 256, {}),
        ("a", {}, "completed"),
        ("a", {"x": float("nan")}),
        ("a", {"x": "\0"}),
        ("a", {"\ud800": 1}),
        ("a", {"x": {1, 2}}),
        ("a", {"x": datetime.now(UTC)}),
        ("a", [1]),
        ("a", []),
        ("a", ""),
        ("a", False),
        ("a", "text"),
        (None, {}),
        (5, {}),
        ("a", {}, None),
    ):
        with pytest.raises(InvalidRunError):
            await write_run_log(*arguments)
    cyclic: dict[str, object] = {}
    cyclic["self"] = cyclic
    with pytest.raises(InvalidRunError):
        await write_run_log("a", cyclic)
    with pytest.raises(InvalidRunError, match="Idempotency-Key"):
        await write_run_log("a", idempotency_key="two words")
    assert await recent_runs() == []


async def test_without_a_database_url_the_error_says_what_is_missing() -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL is not set"):
        await write_run_log("atlas")


@pytest.mark.usefixtures("database")
async def test_recent_runs_filters_and_comes_newest_first() -> None:
    ids = [
        await write_run_log(agent, {"n": n}, status)
        for n, (agent, status) in enumerate(
            [("sage", "success"), ("nova", "failed"), ("sage", "failed"), ("sage", "partial")]
        )
    ]
    everything = await recent_runs()
    assert [run.id for run in everything] == ids[::-1]
    assert everything[0].actions_taken == {"n": 3}
    assert [run.id for run in await recent_runs(agent_id="sage")] == [ids[3], ids[2], ids[0]]
    assert [run.id for run in await recent_runs(status="failed")] == [ids[2], ids[1]]
    assert [run.id for run in await recent_runs(limit=2)] == [ids[3], ids[2]]
    moment = everything[1].created_at
    assert [run.id for run in await recent_runs(since=moment)] == [ids[3], ids[2]]
    assert await recent_runs(since=datetime.now(UTC) + timedelta(days=1)) == []
    assert await recent_runs(agent_id="unknown") == []


@pytest.mark.usefixtures("database")
async def test_recent_runs_takes_a_time_without_offset_as_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        await write_run_log("sage")
        now = datetime.now(UTC).replace(tzinfo=None)
        assert len(await recent_runs(since=now - timedelta(hours=1))) == 1
        assert await recent_runs(since=now + timedelta(hours=1)) == []
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.usefixtures("database")
async def test_recent_runs_of_each_agent() -> None:
    ids = [await write_run_log(agent, {"n": 1}) for agent in ("sage", "nova", "sage", "nova", "sage")]
    assert [run.id for run in await recent_runs(per_agent=1)] == [ids[4], ids[3]]
    assert [run.id for run in await recent_runs(per_agent=2)] == [ids[4], ids[3], ids[2], ids[1]]
    assert [run.id for run in await recent_runs(per_agent=9, agent_id="sage")] == [ids[4], ids[2], ids[0]]


async def test_a_row_without_created_at_is_never_the_newest(db: asyncpg.Connection) -> None:
    await db.execute("INSERT INTO agent_run_log (agent_id, created_at) VALUES ('sage', NULL)")
    newest = await write_run_log("sage", {"n": 1})
    assert (await recent_runs(limit=1))[0].id == newest
    assert (await recent_runs(per_agent=1))[0].id == newest


async def test_numbers_of_any_size_come_back(db: asyncpg.Connection) -> None:
    await db.execute(
        "INSERT INTO agent_run_log (agent_id, actions_taken) VALUES ('sage', $1::text::jsonb)",
        '{"n": ' + "7" * 5000 + ', "x": 1e400}',
    )
    actions = (await recent_runs())[0].actions_taken
    assert str(actions["n"]) == "7" * 5000
    assert actions["x"] == 10**400
