"""A server process as clients meet it: over sockets, with several processes, and at its end."""

import asyncio
import json
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
import requests

from support.processes import free_port, running, serving, wait_until_alive
from support.replay import check_log

pytestmark = pytest.mark.anyio

ENDPOINT = "/api/v1/internal/agent-run-log"
RUN = {"agent_id": "sage", "status": "success", "actions_taken": {"n": 1}}


def recorded(url: str, agent: str) -> int:
    """How many runs of an agent there are."""
    return len(httpx.get(f"{url}{ENDPOINT}", params={"agent_id": agent}).json()["runs"])


def talk(url: str, *parts: bytes) -> bytes:
    """Send bytes as they are and return all that is answered; hang up first when `parts` end with b""."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), 10) as connection:
        for part in parts:
            connection.sendall(part)
        if parts[-1] == b"":
            return b""
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()


def test_the_specifications_client_works_unchanged(server: str) -> None:
    agent_id, status, actions = "nova", "success", {"summary": "Fixed database connection pool leak"}
    resp = requests.post(
        f"{server}/api/v1/internal/agent-run-log",
        json={"agent_id": agent_id, "status": status, "actions_taken": actions},
        timeout=10,
    )
    resp.raise_for_status()
    assert (resp.status_code, resp.content) == (204, b"")
    assert recorded(server, "nova") == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_gets_a_204(server: str) -> None:
    command = ["curl", "-sS", "-i", "-X", "POST", f"{server}{ENDPOINT}"]
    command += ["-H", "Content-Type: application/json", "-d", json.dumps({**RUN, "agent_id": "curl"})]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout.startswith(b"HTTP/1.1 204 No Content")
    assert recorded(server, "curl") == 1


def test_a_body_far_over_the_limit_is_answered_and_not_cut_off(server: str) -> None:
    body = b"x" * 20_000_000
    for data in (body, iter([body])):  # with its length declared, and in chunks
        headers = {"Content-Type": "application/json"}
        answer = requests.post(f"{server}{ENDPOINT}", data=data, headers=headers, timeout=120)
        assert answer.status_code == 413


def test_what_is_no_http_harms_nobody(server: str) -> None:
    for path in (ENDPOINT, "/api/v1/internal/peer-swarm/heartbeat"):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
        for parts in (
            (b"\x00\xff\r\n\r\n",),
            (b"GET / HTTP/9.9\r\n\r\n",),
            (head + b"Content-Length: 9999999999999999999999\r\n\r\n",),
            (head + b"Content-Length: -1\r\n\r\n",),
            (head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",),
            (head + b'Content-Length: 100\r\n\r\n{"agent_id": ', b""),
            (head + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", b""),
            (head + b"Content-Length: 100\r\n\r\n{}",),
        ):
            assert b" 500 " not in talk(server, *parts)
    assert httpx.post(f"{server}{ENDPOINT}", json=RUN).status_code == 204


async def test_processes_of_one_server_agree(db: asyncpg.Connection, tmp_path: Path) -> None:
    with serving(env={}, log=tmp_path / "serve.log", workers=2) as url:
        await check_processes_agree(url, db)


async def check_processes_agree(url: str, db: asyncpg.Connection) -> None:
    """Keys, silence counts and metrics are one over all processes."""
    limits = httpx.Limits(max_connections=20)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        silent = [{**RUN, "agent_id": f"agent-{n % 5}", "actions_taken": {}} for n in range(200)]
        keyed = [client.post(ENDPOINT, json=RUN, headers={"Idempotency-Key": "key"}) for _ in range(50)]
        answers = await asyncio.gather(*keyed, *(client.post(ENDPOINT, json=run) for run in silent))
        assert {answer.status_code for answer in answers} == {204}
        counted = (await client.get("/metrics")).text
    assert await check_log(db) == 201
    assert 'runlog_runs_total{status="success"} 201.0' in counted


async def test_a_server_asked_to_end_answers_what_it_took(
    database: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "serve.log"
    url = f"http://127.0.0.1:{port}"
    with running("serve", "--port", str(port), env={}, log=log) as process:
        await asyncio.to_thread(wait_until_alive, url, process, log)

        statuses: list[int] = []

        async def report_until_it_ends() -> None:
            async with httpx.AsyncClient(base_url=url, timeout=120) as client:
                with suppress(httpx.TransportError):
                    while True:
                        statuses.append((await client.post(ENDPOINT, json=RUN)).status_code)

        reports = [asyncio.create_task(report_until_it_ends()) for _ in range(10)]
        async with asyncio.timeout(120):
            while len(statuses) < 30:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        process.terminate()
        await asyncio.gather(*reports)
        answered = statuses.count(204)
        assert await asyncio.to_thread(process.wait, 30) in (0, -15)
    # At most one run a client was committed when its connection was already closed.
    assert 0 < answered <= await check_log(db) <= answered + 10
    assert "Traceback" not in log.read_text(encoding="utf-8")
