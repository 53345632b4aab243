"""Requests and answers as bytes, for what no client library sends."""

import socket
from urllib.parse import urlsplit

ENDPOINT = "/api/v1/internal/agent-run-log"
RUN = b'{"agent_id": "sage", "status": "success", "actions_taken": {"n": 1}}'


def connect(url: str) -> socket.socket:
    """A connection of one's own."""
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), 20)


def request(body: bytes, *headers: bytes, length: int | None = None) -> bytes:
    """A report as bytes on the wire."""
    head = (f"POST {ENDPOINT} HTTP/1.1".encode(), b"Host: localhost", b"Content-Type: application/json")
    declared = b"Content-Length: %d" % (len(body) if length is None else length)
    return b"\r\n".join((*head, declared, *headers, b"", b"")) + body


def answers(connection: socket.socket, count: int) -> list[bytes]:
    """The heads of `count` answers without bodies."""
    received = b""
    while received.count(b"\r\n\r\n") < count:
        part = connection.recv(65536)
        assert part, received
        received += part
    return received.split(b"\r\n\r\n")[:-1]
