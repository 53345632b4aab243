"""What the tests of the schema share: the specified table, plain SQL, the script."""

import asyncio
import os
import runpy
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import asyncpg

from support.processes import called_within

SCRIPT = Path(__file__).parents[2] / "scripts" / "sync-production-schema.py"

SPECIFIED_TABLE = """
CREATE TABLE agent_run_log (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  agent_id VARCHAR(255) NOT NULL,
  run_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  action_summary TEXT,
  actions_taken JSONB DEFAULT '{}',
  status VARCHAR(32) NOT NULL DEFAULT 'success',
  consecutive_silence_count INT NOT NULL DEFAULT 0,
  rlhf_scores JSONB DEFAULT NULL,
  created_at TIMESTAMPTZ DEFAULT NOW()
);
"""

SPECIFIED_INDEXES = """
CREATE INDEX idx_agent_run_log_agent_id ON agent_run_log(agent_id);
CREATE INDEX idx_agent_run_log_created_at ON agent_run_log(created_at DESC);
CREATE INDEX idx_agent_run_log_status ON agent_run_log(status);
CREATE INDEX idx_agent_run_log_agent_created ON agent_run_log(agent_id, created_at DESC);
"""


def fill_log(rows: int, *, agents: int = 20) -> str:
    """SQL that inserts runs of many agents, a second apart."""
    return f"""
        INSERT INTO agent_run_log (agent_id, actions_taken, consecutive_silence_count, created_at)
        SELECT 'agent-' || i % {agents}, '{{"summary": "did something"}}', i % 7,
               now() - i * interval '1 second'
        FROM generate_series(1, {rows}) AS i
    """  # noqa: S608


def run_sql(url: str, script: str) -> None:
    """Run one or more statements."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(script)
        finally:
            await connection.close()

    asyncio.run(run())


def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""

    async def run() -> Iterable[Any]:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(sql)
        finally:
            await connection.close()

    return [tuple(row) for row in asyncio.run(run())]


def start_script(url: str) -> "subprocess.Popen[str]":
    """Start the script; its output is piped."""
    return subprocess.Popen(
        [sys.executable, str(SCRIPT)],
        env={**os.environ, "DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_script(url: str | None, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the script to its end, within this process."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    if url is not None:
        environment["DATABASE_URL"] = url

    def script() -> None:
        runpy.run_path(str(SCRIPT), run_name="__main__")

    return called_within(script, str(SCRIPT), *arguments, env=environment)
