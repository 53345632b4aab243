"""One client's requests, however made, take a bounded share of the API's memory and time."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from support.processes import free_port, running, wait_until_alive

ENDPOINT = "/api/v1/internal/agent-run-log"
RUN = b'{"agent_id": "sage", "status": "success", "actions_taken": {"n": 1}}'
HEAD = f"POST {ENDPOINT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
LARGEST = 1_000_000

# Small, so that few connections reach it.
PROGRAM = """
import sys
from app.api import bounded_protocol
bounded_protocol.MOST_INCOMPLETE_BYTES = 3_000_000
sys.argv[0] = "runlog"
from app.cli.main import main
main()
"""


@pytest.fixture(scope="module")
def server(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that all tests of this module attack; it may not log an error."""
    directory, port = tmp_path_factory.mktemp("server"), free_port()
    log, program = directory / "serve.log", directory / "small.py"
    program.write_text(PROGRAM, encoding="utf-8")
    env = {"DATABASE_URL": module_database, "RUNLOG_DATA_DIR": str(directory)}
    with running("serve", "--port", str(port), env=env, log=log, program=program) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until_alive(url, process, log)
        yield url
    assert "Traceback" not in Path(log).read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _others_are_served(server: str) -> Iterator[None]:
    yield
    headers = {"Content-Type": "application/json"}
    assert httpx.post(f"{server}{ENDPOINT}", content=RUN, headers=headers, timeout=60).status_code == 204


def connect(url: str) -> socket.socket:
    """A connection of one's own, which gives up after a second."""
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port), 20)
    connection.settimeout(1.0)
    return connection


def received(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    connection.settimeout(60)
    parts = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            parts += part
    return parts


def report(body: bytes, length: int | None = None) -> bytes:
    """A report on the wire."""
    return HEAD + b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


@pytest.mark.parametrize(
    ("start", "part"),
    [(HEAD + b"X-Endless: ", b"a" * 1_000), (HEAD, b"X-Many: a\r\n" * 100), (b"GET /", b"a" * 1_000)],
    ids=["a value without end", "headers without end", "a path without end"],
)
def test_a_head_without_end_is_refused(server: str, start: bytes, part: bytes) -> None:
    with connect(server) as connection, suppress(OSError):
        connection.sendall(start)
        for _ in range(100):
            connection.sendall(part)
        assert received(connection).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("reports", [1, 3])
def test_reports_before_a_head_without_end_are_answered_first(server: str, reports: int) -> None:
    with connect(server) as connection:
        connection.sendall(report(RUN) * reports + b"GET /" + b"a" * 50_000)
        answers = [line for line in received(connection).split(b"\r\n") if line.startswith(b"HTTP/1.1")]
    assert [answer.split()[1] for answer in answers] == [b"204"] * reports + [b"431"]


def test_a_head_just_below_the_limit_is_read(server: str) -> None:
    with connect(server) as connection:
        connection.sendall(HEAD + b"X-Long: " + b"a" * 30_000 + b"\r\nConnection: close\r\n")
        connection.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(RUN), RUN))
        assert received(connection).startswith(b"HTTP/1.1 204 ")


@pytest.mark.parametrize(
    "request_bytes",
    [report(RUN), report(b"{"), b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    ids=["reports", "refused reports", "pages"],
)
def test_requests_are_not_read_while_answers_are_not(server: str, request_bytes: bytes) -> None:
    sent, flood = 0, request_bytes * 500
    with connect(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        with suppress(TimeoutError):
            while sent < 100_000_000:
                sent += connection.send(flood)
    assert sent < 100_000_000


def test_many_requests_in_one_piece_are_all_answered_in_their_order(server: str) -> None:
    with connect(server) as connection:
        ids = [b"X-Request-ID: n%d\r\n" % number for number in range(300)]
        requests = [b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n" for header in ids]
        requests[7:7] = [HEAD + b"X-Request-ID: run\r\nContent-Length: %d\r\n\r\n" % len(RUN) + RUN]
        requests.append(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        connection.sendall(b"".join(requests))
        answered = received(connection).split(b"\r\n")
    found = [line.split(b": ")[1] for line in answered if line.lower().startswith(b"x-request-id: ")]
    numbers = [b"n%d" % number for number in range(300)]
    assert found[:301] == [*numbers[:7], b"run", *numbers[7:]]
    assert len(found) == 302


@pytest.mark.parametrize("content_type", [b"application/json", b"application/json; charset=utf-8"])
def test_bodies_that_are_not_whole_share_a_limit_and_the_oldest_give_way(
    server: str, content_type: bytes
) -> None:
    head = HEAD.replace(b"application/json", content_type)
    start = head + b"Content-Length: %d\r\n\r\n" % (LARGEST + 10)
    connections = [connect(server) for _ in range(5)]
    for connection in connections:
        with suppress(OSError):
            connection.sendall(start + b" " * LARGEST)
    answer = received(connections[0])
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: " in answer
    for connection in connections:
        connection.close()


def test_clients_that_reset_their_connection_amid_an_answer_log_no_error(server: str) -> None:
    """The server of this module fails its tests where one is logged."""
    head = HEAD.replace(b"application/json", b"application/json; charset=utf-8")
    whole = head + b"Content-Length: %d\r\n\r\n" % len(RUN) + RUN
    for number in range(300):
        with connect(server) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(whole)
            time.sleep(number % 30 / 5000)
