"""An HTTP load of run reports over keep-alive connections, without a framework to measure along with.

Closed loop: each connection sends its next run after its answer. With --rate an open loop: runs are due
at that many a second whatever the answers do, and a run's latency counts from when it was due.
"""

import argparse
import json
import select
import socket
import time
from collections import deque

AGENTS = 50
STRIDE = 7_919  # a prime
ACTIONS = {
    "summary": "Fixed database connection pool leak in session.py",
    "files_changed": ["src/backend/app/db/session.py"],
    "tests_run": 14,
    "tests_passed": 14,
    "pr_created": "#3456",
}


def request(agent: int) -> bytes:
    """A report as bytes on the wire."""
    body = json.dumps({"agent_id": f"agent-{agent}", "status": "success", "actions_taken": ACTIONS}).encode()
    head = (
        "POST /api/v1/internal/agent-run-log HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Load:
    """`clients` connections to a local `port`; counts answers and how long each took, in seconds.

    So many `agents` report in turn, neighbours by their numbers far apart.
    """

    def __init__(self, port: int, clients: int, agents: int = AGENTS) -> None:
        self.latencies: list[float] = []
        self.errors = 0
        self._requests = [request(agent) for agent in range(1, agents + 1)]
        self._sent = 0
        self._poll = select.epoll()
        self._connections: dict[int, socket.socket] = {}
        self._since: dict[int, float] = {}
        self._idle: deque[int] = deque()
        for _ in range(clients):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections[connection.fileno()] = connection
            self._idle.append(connection.fileno())
            self._poll.register(connection, select.EPOLLIN)

    def run(self, seconds: float, rate: float | None) -> dict[str, float]:
        """Send for so many seconds and wait for the last answers: runs/s, latencies in ms."""
        started = time.perf_counter()
        until, due = started + seconds, started
        while True:
            now = time.perf_counter()
            while self._idle and due <= now and due < until:
                self._send(self._idle.popleft(), due if rate else now)
                due = due + 1 / rate if rate else now
            if now >= until and not self._since:
                break
            self._receive(max(0.0, due - now) if rate and self._idle and due < until else 1.0)
            if not rate:
                due = time.perf_counter()
        self.latencies.sort()
        return {
            "rate": len(self.latencies) / (time.perf_counter() - started),
            "sent": self._sent,
            "errors": self.errors,
            "p50_ms": 1000 * self.latencies[len(self.latencies) // 2],
            "p99_ms": 1000 * self.latencies[int(len(self.latencies) * 0.99)],
            "max_ms": 1000 * self.latencies[-1],
        }

    def _send(self, number: int, due: float) -> None:
        self._since[number] = due
        self._connections[number].send(self._requests[self._sent * STRIDE % len(self._requests)])
        self._sent += 1

    def _receive(self, timeout: float) -> None:
        for number, _ in self._poll.poll(timeout):
            answer = self._connections[number].recv(65536)
            self.latencies.append(time.perf_counter() - self._since.pop(number))
            self.errors += not answer.startswith(b"HTTP/1.1 204")
            if not answer:
                raise SystemExit("the server closed a connection")
            self._idle.append(number)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("port", type=int)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rate", type=float, help="runs a second; as many as the answers allow unless set")
    parser.add_argument("--agents", type=int, default=AGENTS)
    arguments = parser.parse_args()
    sending = Load(arguments.port, arguments.clients, arguments.agents)
    print(json.dumps(sending.run(arguments.seconds, arguments.rate)))
