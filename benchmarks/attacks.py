"""What one client can take from the others: the API's memory, and how long reports of others take.

    .venv/bin/python benchmarks/attacks.py [--seconds 10] [--json]

Each attack has a server of its own. While it lasts, another client sends 50 reports a second. Printed are the
server's resident MiB before the attack and at most; the median and 99th percentile of their times, how many
of them were not recorded; how long `/readyz/ingest` took at most, asked twice a second, and how often it said
no; how many reads the attacker got an answer to, and how many were refused.
"""

import argparse
import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harness import RUNLOG, Figures, load, postgres_tool, running, servers, table

from app.embedded.ports import free_port

PATH = b"/api/v1/internal/agent-run-log"
HEAD = b"POST " + PATH + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SMALL = b'{"agent_id": "flood", "status": "success"}'
COLUMNS = {
    "MiB before": ".0f",
    "MiB at most": ".0f",
    "p50 ms": ".1f",
    "p99 ms": ".1f",
    "errors": ".0f",
    "ready ms at most": ".0f",
    "not ready": ".0f",
    "reads": ".0f",
    "reads refused": ".0f",
}
READERS = 64
# A log to read: 20,000 runs of 400 agents, and 400 of one with 300,000 characters each.
LOG = """
    INSERT INTO agent_run_log (agent_id, created_at, action_summary, actions_taken, rlhf_scores)
    SELECT 'agent-' || n % 400, now() - n * interval '20 seconds', 'Fixed ' || n,
        jsonb_build_object('summary', 'Fixed ' || n), jsonb_build_object('overall', 0.5, 'dimensions',
            jsonb_build_object('evidence', 0.5, 'progress', 0.5))
    FROM generate_series(1, 20000) AS n;
    INSERT INTO agent_run_log (agent_id, created_at, action_summary, actions_taken, rlhf_scores)
    SELECT 'large', now() - n * interval '20 seconds', hostile, jsonb_build_object('summary', hostile),
        jsonb_build_object('overall', 0.5, 'dimensions',
            jsonb_build_object('evidence', 0.9, 'progress', n % 2))
    FROM generate_series(1, 400) AS n, repeat('password= token: secret - ', 12000) AS hostile;
    INSERT INTO agent_run_feedback (run_id, rater, rating, comment)
    SELECT id, 'ada', 0.5, action_summary FROM agent_run_log WHERE agent_id = 'large' LIMIT 20;
"""

Attack = Callable[[int, float], None]


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.settimeout(0.5)
    return connection


def _report(body: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _nothing(_: int, ends: float) -> None:
    time.sleep(max(0.0, ends - time.monotonic()))


def _unread(request: bytes) -> Attack:
    def attack(port: int, ends: float) -> None:
        connections = [_connect(port) for _ in range(20)]
        flood = request * (65_536 // len(request))
        while time.monotonic() < ends:
            for connection in connections:
                connection.setblocking(False)
                with suppress(OSError):
                    connection.send(flood)
            time.sleep(0.001)

    return attack


def _new_connections(port: int, ends: float) -> None:
    body = b'{"agent_id": "flood", "status": "success", "actions_taken": {"log": "%s"}}' % (b"a" * 1_000_000)
    while time.monotonic() < ends:
        with _connect(port) as connection, suppress(OSError):
            connection.sendall(_report(body))
            connection.recv(1000)


def _unfinished_bodies(port: int, ends: float) -> None:
    connections = []
    for _ in range(1_200):
        connection = _connect(port)
        with suppress(OSError):
            connection.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n" + b"a" * 900_000)
        connections.append(connection)
        if time.monotonic() > ends:
            break
    _nothing(port, ends)


def _endless_heads(port: int, ends: float) -> None:
    while time.monotonic() < ends:
        with _connect(port) as connection, suppress(OSError):
            connection.sendall(HEAD + b"X-Endless: ")
            while time.monotonic() < ends:
                connection.sendall(b"a" * 65_536)


def _reads(*paths: str) -> Attack:
    """As many readers as `READERS`, each asking for one page after the other."""

    def attack(port: int, ends: float) -> None:
        def read(number: int) -> None:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            while time.monotonic() < ends:
                try:
                    client.request("GET", paths[number % len(paths)])
                    answer = client.getresponse()
                    answer.read()
                    answers[answer.status] += 1
                except (OSError, http.client.HTTPException):
                    client.close()
                    answers[0] += 1

        readers = [threading.Thread(target=read, args=(number,)) for number in range(READERS)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()

    return attack


_INTERNAL = "/api/v1/internal"
ATTACKS: dict[str, Attack] = {
    "none": _nothing,
    "answers to reports unread": _unread(_report(SMALL)),
    "answers to refused reports unread": _unread(_report(b"{")),
    "answers to pages unread": _unread(b"GET " + PATH + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a mebibyte on each new connection": _new_connections,
    "unfinished bodies": _unfinished_bodies,
    "heads without end": _endless_heads,
    "reads of the agents": _reads(f"{_INTERNAL}/agents"),
    "reads of the quality": _reads(f"{_INTERNAL}/quality", f"{_INTERNAL}/quality?days=90"),
    "reads of hostile feedback": _reads(f"{_INTERNAL}/agents/large/feedback"),
    "reads of the public page": _reads("/api/v1/public/platform/intelligence"),
    "reads by a search": _reads(f"{_INTERNAL}/agent-run-log?q=nowhere"),
    "reads of long pages": _reads(f"{_INTERNAL}/agent-run-log?limit=1000&agent_id=large"),
    "reads of everything": _reads(
        f"{_INTERNAL}/agents",
        f"{_INTERNAL}/quality",
        f"{_INTERNAL}/agents/large/feedback",
        "/api/v1/public/platform/intelligence",
        f"{_INTERNAL}/agent-run-log?q=nowhere",
        f"{_INTERNAL}/agent-run-log?limit=100",
        f"{_INTERNAL}/scoring/agreement",
        f"{_INTERNAL}/review-queue?rater=ada",
    ),
}


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


answers: Counter[int] = Counter()
"""The attacker's reads, by status; 0 for none."""


def _ask_readiness(port: int, ends: float) -> tuple[float, int]:
    """The longest time of an answer in milliseconds, and how often it was no."""
    longest, refusals = 0.0, 0
    while time.monotonic() < ends:
        began = time.monotonic()
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            client.request("GET", "/readyz/ingest")
            refusals += client.getresponse().status != 200
        except (OSError, http.client.HTTPException):
            refusals += 1
        client.close()
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.5)
    return longest * 1000, refusals


def measure(attack: Attack, seconds: float) -> Figures:
    """One attack against a new server."""
    answers.clear()
    with servers() as given:
        port = free_port()
        postgres_tool("psql", given.env["DATABASE_URL"], "-qc", LOG)
        with running([*RUNLOG, "serve", "--port", str(port)], given.env, port) as server:
            load(port, 2, 2, 50)
            before = most = _resident(server.pid)
            ends = time.monotonic() + seconds
            attacker = threading.Thread(target=attack, args=(port, ends))
            attacker.start()
            figures: list[Figures] = []
            others = threading.Thread(target=lambda: figures.append(load(port, 4, seconds, 50)))
            others.start()
            asked: list[tuple[float, int]] = []
            prober = threading.Thread(target=lambda: asked.append(_ask_readiness(port, ends)))
            prober.start()
            while others.is_alive():
                most = max(most, _resident(server.pid))
                time.sleep(0.05)
            attacker.join()
            prober.join()
    return {
        "MiB before": before,
        "MiB at most": most,
        "p50 ms": figures[0]["p50_ms"],
        "p99 ms": figures[0]["p99_ms"],
        "errors": figures[0]["errors"],
        "ready ms at most": asked[0][0],
        "not ready": asked[0][1],
        "reads": answers[200],
        "reads refused": answers.total() - answers[200],
    }


def main() -> None:
    """Measure each attack, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--only", default="", help="attacks whose name begins so")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = {
        name: measure(attack, arguments.seconds)
        for name, attack in ATTACKS.items()
        if name.startswith(arguments.only)
    }
    print(json.dumps(results) if arguments.json else table(results, COLUMNS))


if __name__ == "__main__":
    main()
