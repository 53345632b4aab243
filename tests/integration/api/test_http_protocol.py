"""A report that takes the short way is answered as the application would answer it."""

import asyncio
import time
from pathlib import Path

import asyncpg
import httpx
import pytest

from support.bad_runs import BAD_RUNS
from support.processes import free_port, running, serving, wait_until_alive
from support.wire import ENDPOINT, RUN, answers, connect, request

NEVER_LOGGED = ("invalid_http_request",)
SHORT = {"Content-Type": "application/json"}
ORDINARY = {"Content-Type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(("body", "place"), BAD_RUNS)
def test_bad_input_is_answered_alike(server: str, body: bytes, place: str) -> None:
    short, ordinary = (
        httpx.post(f"{server}{ENDPOINT}", content=body, headers=headers) for headers in (SHORT, ORDINARY)
    )
    assert (short.status_code, short.json()) == (ordinary.status_code, ordinary.json())
    assert set(short.headers) == set(ordinary.headers)


@pytest.mark.parametrize(
    ("size", "key", "status"),
    [
        (10, None, 204),
        (900_000, "a", 204),
        (2_000_000, None, 413),
        (10, "not visible", 422),
        (10, "k" * 256, 422),
    ],
)
def test_sizes_and_keys_are_answered_alike(server: str, size: int, key: str | None, status: int) -> None:
    body = b'{"agent_id": "big", "status": "success", "actions_taken": {"a": "%s"}}' % (b"x" * size)
    keyed = {"Idempotency-Key": key} if key else {}
    short, ordinary = (
        httpx.post(f"{server}{ENDPOINT}", content=body, headers={**headers, **keyed}, timeout=120)
        for headers in (SHORT, ORDINARY)
    )
    assert short.status_code == ordinary.status_code == status
    assert short.content == ordinary.content


def test_the_callers_request_id_comes_back_and_others_differ(server: str) -> None:
    with httpx.Client() as client:
        sent = client.post(f"{server}{ENDPOINT}", content=RUN, headers={**SHORT, "X-Request-ID": "mine-1"})
        assert sent.headers["X-Request-ID"] == "mine-1"
        made = [client.post(f"{server}{ENDPOINT}", content=RUN, headers=SHORT) for _ in range(3)]
        odd = client.post(f"{server}{ENDPOINT}", content=RUN, headers={**SHORT, "X-Request-ID": "a b"})
    ids = [answer.headers["X-Request-ID"] for answer in (*made, odd)]
    assert len(set(ids)) == 4
    assert "a b" not in ids


def test_requests_sent_without_waiting_are_answered_in_their_order(server: str) -> None:
    ordinary = request(RUN).replace(b"application/json", b"application/json;")
    reports = [request(RUN, b"X-Request-ID: %d" % number) for number in range(6)]
    reports[2] = ordinary.replace(b"Host: localhost", b"Host: localhost\r\nX-Request-ID: 2")
    reports[4] = request(b"{}", b"X-Request-ID: 4")
    with connect(server) as connection:
        connection.sendall(b"".join(reports))
        heads = answers(connection, 6)
    for number, head in enumerate(heads):
        assert b"x-request-id: %d" % number in head
    assert [b" 204 " in head for head in heads] == [True, True, True, True, False, True]


def test_a_body_that_comes_in_pieces_is_put_together(server: str) -> None:
    whole = request(RUN)
    with connect(server) as connection:
        for start in range(0, len(whole), 7):
            connection.sendall(whole[start : start + 7])
            time.sleep(0.001)
        assert b" 204 " in answers(connection, 1)[0]
        connection.sendall(request(RUN, b"Connection: close"))
        (head,) = answers(connection, 1)
        assert b"connection: close" in head.lower()
        assert connection.recv(100) == b""


def test_who_waits_to_be_asked_for_the_body_is_asked(server: str) -> None:
    with connect(server) as connection:
        whole = request(RUN, b"Expect: 100-continue")
        connection.sendall(whole[: -len(RUN)])
        assert b" 100 " in answers(connection, 1)[0]
        connection.sendall(RUN)
        assert b" 204 " in answers(connection, 1)[0]


SHORT_TIMEOUT = """
import sys
from app.api import bounded_protocol
from app.cli import serve
bounded_protocol.REQUEST_SECONDS = 1.0
serve.KEEP_ALIVE_SECONDS = 2
sys.argv[0] = "runlog"
from app.cli.main import main
main()
"""


def test_who_keeps_the_server_waiting_is_let_go(database: str, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "serve.log"
    script = tmp_path / "impatient.py"
    script.write_text(SHORT_TIMEOUT, encoding="utf-8")
    arguments = ("serve", "--port", str(port))
    with running(*arguments, env={"DATABASE_URL": database}, log=log, program=script) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until_alive(url, process, log)
        beat = request(b"").replace(b"agent-run-log", b"peer-swarm/heartbeat")
        beginnings = (
            b"",
            b"POST / HT",
            request(RUN, length=100),
            beat.replace(b"Content-Length: 0", b"Content-Length: 9") + b"{",
        )
        connections = [connect(url) for _ in beginnings]
        for connection, begin in zip(connections, beginnings, strict=True):
            connection.sendall(begin)
        for connection in connections:
            received = b""
            while part := connection.recv(1000):
                received += part
            assert received.startswith(b"HTTP/1.1 408 ")
            connection.close()
        health = b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for whole in (request(RUN), health, health * 2):  # and no further request
            with connect(url) as connection:
                connection.sendall(whole)
                expected = whole.count(b"HTTP/1.1")
                assert len(answers(connection, expected)) == expected
                assert connection.recv(1000) == b""
        assert httpx.post(f"{url}{ENDPOINT}", content=RUN, headers=SHORT).status_code == 204


@pytest.mark.anyio
async def test_a_client_that_hangs_up_early_has_its_run_recorded(
    database: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    with serving(env={}, log=tmp_path / "serve.log") as url:
        async with db.transaction():
            await db.execute("LOCK TABLE agent_run_state IN EXCLUSIVE MODE")
            with connect(url) as connection:
                connection.sendall(request(RUN))
                await asyncio.sleep(0.5)
        async with asyncio.timeout(120):
            while await db.fetchval("SELECT count(*) FROM agent_run_log") == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        answer = await asyncio.to_thread(httpx.post, f"{url}{ENDPOINT}", content=RUN, headers=SHORT)
        assert answer.status_code == 204
    assert "Traceback" not in (tmp_path / "serve.log").read_text(encoding="utf-8")


def test_every_way_in_says_which_row_the_run_is(server: str) -> None:
    keyed = {"Idempotency-Key": "row-1"}
    with httpx.Client(base_url=server) as client:
        sent = [
            client.post(ENDPOINT, content=RUN, headers={"Content-Type": content_type, **keyed})
            for content_type in ("application/json", "application/json; charset=utf-8")
        ]
        ids = {answer.headers["Run-Id"] for answer in sent}
        assert len(ids) == 1
        assert client.get(f"{ENDPOINT}/{ids.pop()}").json()["status"] == "success"
