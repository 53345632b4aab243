"""The official client of the Model Context Protocol uses the tools of a server, by either transport."""

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import pytest

from support.processes import RUNLOG, Process, eventually, free_port, running, serving

if TYPE_CHECKING:
    # A fifth of the time in which a worker collects all tests is what this imports.
    from mcp import Client
    from mcp.types import CallToolResult

pytestmark = pytest.mark.anyio

TOOLS = {
    "report_run": (False, False),
    "recent_runs": (True, None),
    "agent_state": (True, None),
    "open_findings": (True, None),
    "feedback": (True, None),
}
HANDSHAKE = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.fixture
def server(database: str, tmp_path: Path) -> Iterator[str]:
    """The URL of the run log's own server."""
    with serving(env={}, log=tmp_path / "serve.log") as url:
        yield url


@asynccontextmanager
async def over_stdio(server: str, **env: str) -> AsyncIterator["Client"]:
    """A client that starts `runlog mcp` itself."""
    from mcp import Client, StdioServerParameters

    variables = {**os.environ, "RUNLOG_URL": server, **env}
    command = StdioServerParameters(command=sys.executable, args=[*RUNLOG[1:], "mcp"], env=variables)
    async with Client(command) as client:
        yield client


@contextmanager
def listening(server: str, log: Path, *options: str, **env: str) -> Iterator[tuple[str, Process]]:
    """`runlog mcp --http` on a free port: its origin, once it takes connections."""
    port = free_port()
    with running(
        "mcp", "--http", "--port", str(port), *options, env={"RUNLOG_URL": server, **env}, log=log
    ) as process:
        origin = f"http://127.0.0.1:{port}"
        assert eventually(lambda: answers(origin)), log.read_text(encoding="utf-8")
        yield origin, process


def answers(origin: str) -> bool:
    """Whether somebody listens there."""
    try:
        return bool(httpx.get(origin, timeout=60).status_code)
    except httpx.TransportError:
        return False


@asynccontextmanager
async def over_http(server: str, log: Path) -> AsyncIterator["Client"]:
    """A client of a `runlog mcp --http` that runs."""
    from mcp import Client

    with listening(server, log) as (origin, _):
        async with Client(f"{origin}/mcp") as client:
            yield client


def connected(transport: str, server: str, log: Path) -> AbstractAsyncContextManager["Client"]:
    """A client by a transport."""
    return over_stdio(server) if transport == "stdio" else over_http(server, log)


def content(result: "CallToolResult") -> Any:
    """What a tool gave, which must not be an error."""
    assert not result.is_error, result.content
    return result.structured_content


def error(result: "CallToolResult") -> str:
    """The text of a tool's error."""
    assert result.is_error
    (text,) = result.content
    assert text.type == "text"
    assert "\n" not in text.text
    return text.text


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_a_model_reports_and_reads(
    transport: str, server: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    async with connected(transport, server, tmp_path / "mcp.log") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        hints = {name: tool.annotations for name, tool in tools.items()}
        assert {
            name: (each.read_only_hint, each.idempotent_hint) for name, each in hints.items() if each
        } == TOOLS
        assert all(tool.description and tool.output_schema for tool in tools.values())

        run = {"agent_id": "sage", "status": "success", "summary": "Rotated 3 logs", "actions": {"files": 3}}
        first = content(await client.call_tool("report_run", run))
        again = content(await client.call_tool("report_run", {**run, "run_key": first["run_key"]}))
        assert again == first
        other = content(await client.call_tool("report_run", {**run, "status": "failed"}))
        assert other["run_id"] != first["run_id"]
        rows = await db.fetch(
            "SELECT id::text, action_summary, actions_taken::text FROM agent_run_log ORDER BY 1"
        )
        assert [tuple(row) for row in rows] == [
            (each["run_id"], "Rotated 3 logs", '{"files": 3, "summary": "Rotated 3 logs"}')
            for each in (first, other)
        ]

        listed = content(await client.call_tool("recent_runs", {"limit": 1}))
        assert (listed["runs"][0]["id"], listed["more"]) == (other["run_id"], True)
        assert listed["runs"][0]["summary"] == "Rotated 3 logs"
        listed = content(await client.call_tool("recent_runs", {"agent_id": "sage", "status": "success"}))
        assert [each["id"] for each in listed["runs"]] == [first["run_id"]]

        state = content(await client.call_tool("agent_state", {"agent_id": "sage"}))
        assert (state["state"], state["consecutive_failures"]) == ("up", 1)
        assert state["last_run"]["id"] == other["run_id"]

        await db.execute("""
            INSERT INTO audit_finding (rule, severity, agent_id, message, evidence)
            VALUES ('consecutive_failures', 'high', 'nova', '3 failures in a row', '{}')
        """)
        found = content(await client.call_tool("open_findings", {}))["findings"]
        assert [(each["agent_id"], each["message"]) for each in found] == [("nova", "3 failures in a row")]
        assert content(await client.call_tool("open_findings", {"agent_id": "sage"})) == {"findings": []}

        await db.execute("""
            UPDATE agent_run_log SET rlhf_scores = '{"overall": 0.3, "dimensions": {"evidence": 0.1}}'
        """)
        told = content(await client.call_tool("feedback", {"agent_id": "sage"}))
        assert "**evidence** fell short in 2 of 2 runs." in told["markdown"]


async def test_what_is_wrong_is_a_tools_error_in_one_sentence(server: str, tmp_path: Path) -> None:
    run = {"agent_id": "sage", "status": "success", "summary": "Done so much", "run_key": "k"}
    async with over_stdio(server) as client:
        assert "agent_id is missing" in error(await client.call_tool("agent_state", {}))
        nobody = error(await client.call_tool("agent_state", {"agent_id": "nobody"}))
        assert nobody.startswith("Error executing tool agent_state: ")
        assert not (await client.call_tool("report_run", run)).is_error
        conflict = error(await client.call_tool("report_run", {**run, "summary": "Something else"}))
        assert "this key was used for another payload" in conflict
        assert (await client.call_tool("report_run", {**run, "status": "ok"})).is_error
    away = f"http://user:hunter2hunter2@127.0.0.1:{free_port()}"
    async with over_stdio(away) as client:
        gone = error(await client.call_tool("open_findings", {}))
        assert "does not answer: Connection refused" in gone
        assert "hunter2" not in gone


async def test_the_agents_environment_names_it_and_its_run(server: str, db: asyncpg.Connection) -> None:
    async with over_stdio(server, RUNLOG_AGENT_ID="atlas", RUNLOG_RUN_KEY="cron:7") as client:
        for _ in range(2):
            told = content(
                await client.call_tool("report_run", {"status": "partial", "summary": "Half of it"})
            )
            assert told["run_key"] == "cron:7"
        assert content(await client.call_tool("agent_state", {}))["agent_id"] == "atlas"
        other = {"agent_id": "nova", "status": "success", "summary": "Helped"}
        assert content(await client.call_tool("report_run", other))["run_key"].startswith("mcp:")
    assert await db.fetchval("SELECT count(*) FROM agent_run_log WHERE agent_id = 'atlas'") == 1


def test_a_page_of_another_site_reaches_no_tool(server: str, tmp_path: Path) -> None:
    with listening(server, tmp_path / "mcp.log") as (origin, process):
        for status, headers in (
            (200, {}),
            (403, {"Origin": "http://evil.example"}),
            (403, {"Sec-Fetch-Site": "cross-site"}),
            (421, {"Host": "evil.example"}),
        ):
            headers = {"Accept": "application/json, text/event-stream", **headers}
            assert (
                httpx.post(f"{origin}/mcp", json=HANDSHAKE, headers=headers, timeout=60).status_code == status
            )
        process.terminate()
        assert process.wait(60) == 0


async def test_from_other_machines_it_takes_the_token(server: str, tmp_path: Path) -> None:
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    options, env = ("--host", "0.0.0.0"), {"RUNLOG_TOKEN": "s3cret-token-of-the-test"}  # noqa: S104
    with listening(server, tmp_path / "mcp.log", *options, **env) as (origin, _):
        async with httpx2.AsyncClient(timeout=60) as stranger:
            assert (await stranger.post(f"{origin}/mcp", json=HANDSHAKE)).status_code == 401
        bearer = {"Authorization": f"Bearer {env['RUNLOG_TOKEN']}"}
        async with (
            httpx2.AsyncClient(headers=bearer, timeout=60) as own,
            Client(streamable_http_client(f"{origin}/mcp", http_client=own)) as client,
        ):
            assert content(await client.call_tool("recent_runs", {})) == {"runs": [], "more": False}
