"""What the pages about Python show, run as it stands there, against a real server."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from conftest import Servers
from support.brokers import Broker
from support.processes import free_port, serving

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs/howto"
URL = "http://127.0.0.1:8000"

pytestmark = pytest.mark.anyio


def code(page: Path, language: str = "python") -> list[str]:
    """The blocks of a page in one language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def run(text: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
async def server(
    database: str, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """A server, to which the environment leads."""
    monkeypatch.setenv("CELERY_BROKER_URL", servers.broker_url)
    with serving(env={}, log=tmp_path / "serve.log") as url:
        monkeypatch.setenv("RUNLOG_URL", url)
        yield url


async def rows(db: asyncpg.Connection) -> list[dict[str, Any]]:
    found = await db.fetch(
        "SELECT agent_id, status, action_summary, actions_taken FROM agent_run_log ORDER BY created_at"
    )
    return [dict(row) for row in found]


async def awaited_rows(db: asyncpg.Connection) -> list[dict[str, Any]]:
    """The rows, once there are some."""
    for _ in range(1200):
        if found := await rows(db):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("no run was recorded")


@contextmanager
def started(*command: str, cwd: Path, env: dict[str, str]) -> Iterator[None]:
    """A process for the time of the block."""
    with (cwd / "process.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=cwd, env={**os.environ, **env}, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.usefixtures("server")
async def test_the_page_of_python(db: asyncpg.Connection) -> None:
    blocks = code(PAGES / "python.md")
    assert [run(block) for block in blocks] == [""] * len(blocks)
    assert [tuple(row.values())[:3] for row in await rows(db)] == [
        ("sage", "success", "Rotated 3 log files"),
        ("nova", "partial", "Checked all dependencies; 2 have known vulnerabilities"),
        ("atlas", "success", "Scaled worker replicas to 3"),
        ("sage", "success", "Rotated 3 log files"),
    ]


def test_the_page_of_python_while_the_server_is_away(
    spool_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNLOG_URL", f"http://127.0.0.1:{free_port()}")
    *_, block = code(PAGES / "python.md")
    said = run(block).splitlines()
    assert said[0].startswith("spooled the server does not answer")
    assert said[1] == "1 reports still wait"
    assert len(list((spool_directory / "queue").iterdir())) == 1


@pytest.mark.usefixtures("server")
async def test_the_page_of_the_distribution(db: asyncpg.Connection) -> None:
    (block,) = code(ROOT / "src/client/README.md")
    run(block)
    assert len(await rows(db)) == 1


async def test_the_page_of_celery(
    db: asyncpg.Connection, server: str, broker: Broker, tmp_path: Path
) -> None:
    (module,), (command,) = code(PAGES / "celery.md"), code(PAGES / "celery.md", "sh")
    module = module.replace("redis://127.0.0.1:6379/0", broker.url)
    (tmp_path / "agents.py").write_text(module)
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "C_FORCE_ROOT": "1"}
    with started("sh", "-c", f"exec env {command.replace(URL, server)}", cwd=tmp_path, env=env):
        run(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import agents; agents.rotate_logs.delay()")
        (row,) = await awaited_rows(db)
    assert (row["agent_id"], row["status"], row["action_summary"]) == (
        "sage",
        "success",
        "Rotated 3 log files",
    )
    assert '"directory": "/var/log/sage"' in row["actions_taken"]


@pytest.mark.usefixtures("server")
async def test_the_page_of_apscheduler(db: asyncpg.Connection, tmp_path: Path) -> None:
    (program,) = code(PAGES / "apscheduler.md")
    program = program.replace("minutes=15", "seconds=1")
    with started(sys.executable, "-c", program, cwd=tmp_path, env={}):
        row = (await awaited_rows(db))[0]
    assert (row["agent_id"], row["status"], row["action_summary"]) == (
        "sage",
        "success",
        "Rotated 3 log files",
    )
