"""A closed-loop HTTP load of run reports: each connection sends its next run after its answer."""

import argparse
import asyncio
import json
import time

import uvloop

BODY = {
    "status": "success",
    "actions_taken": {
        "summary": "Fixed database connection pool leak in session.py",
        "files_changed": ["src/backend/app/db/session.py"],
        "tests_run": 14,
        "tests_passed": 14,
        "pr_created": "#3456",
    },
}
AGENTS = 50


class Connection(asyncio.Protocol):
    """One keep-alive connection; counts its answers and how long each took, in seconds."""

    def __init__(self, requests: list[bytes], until: float, latencies: list[float]) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self.errors = 0
        self._requests = requests
        self._until = until
        self._latencies = latencies
        self._next = 0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if b"\r\n\r\n" not in self._answer:
            return
        self._latencies.append(time.perf_counter() - self._sent)
        self.errors += not self._answer.startswith(b"HTTP/1.1 204")
        self._answer = b""
        if time.perf_counter() < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += 1


def request(agent: int) -> bytes:
    body = json.dumps({"agent_id": f"agent-{agent}", **BODY}).encode()
    head = (
        "POST /api/v1/internal/agent-run-log HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def run(port: int, clients: int, seconds: float) -> dict[str, float]:
    """Rate in runs/s, latencies in ms."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    started = time.perf_counter()
    connections = []
    for client in range(clients):
        requests = [request((client + step) % AGENTS + 1) for step in range(0, AGENTS * 7, 7)]
        _, connection = await loop.create_connection(
            lambda requests=requests: Connection(requests, started + seconds, latencies), "127.0.0.1", port
        )
        connections.append(connection)
    await asyncio.gather(*(connection.done for connection in connections))
    elapsed = time.perf_counter() - started
    latencies.sort()
    return {
        "rate": len(latencies) / elapsed,
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p99_ms": 1000 * latencies[int(len(latencies) * 0.99)],
        "errors": sum(connection.errors for connection in connections),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=8)
    arguments = parser.parse_args()
    print(json.dumps(uvloop.run(run(arguments.port, arguments.clients, arguments.seconds))))
