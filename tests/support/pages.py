"""What tests of pages do besides looking at them: report runs, and write to the database."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import httpx

from support.processes import Served

REPORTS = "/api/v1/internal/agent-run-log"


def report(site: Served, agent_id: str, status: str = "success", **actions: object) -> None:
    """Record a run."""
    body = {"agent_id": agent_id, "status": status, "actions_taken": actions}
    assert httpx.post(site.url + REPORTS, json=body).status_code == 204


def execute(url: str, statement: str, *values: object) -> None:
    """Run one statement on the database."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement, *values)
        finally:
            await connection.close()

    # Playwright keeps this thread's event loop.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()
