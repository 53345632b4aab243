"""What one client can take from the others: the API's memory, and how long reports of others take.

    .venv/bin/python benchmarks/attacks.py [--seconds 10] [--json]

Each attack has a server of its own. While it lasts, another client sends 50 reports a second. Printed are the
server's resident MiB before the attack and at most, and the median and 99th percentile of their times.
"""

import argparse
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harness import RUNLOG, Figures, load, running, servers, table

from app.embedded.ports import free_port

PATH = b"/api/v1/internal/agent-run-log"
HEAD = b"POST " + PATH + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SMALL = b'{"agent_id": "flood", "status": "success"}'
COLUMNS = {"MiB before": ".0f", "MiB at most": ".0f", "p50 ms": ".1f", "p99 ms": ".1f"}

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


ATTACKS: dict[str, Attack] = {
    "none": _nothing,
    "answers to reports unread": _unread(_report(SMALL)),
    "answers to refused reports unread": _unread(_report(b"{")),
    "answers to pages unread": _unread(b"GET " + PATH + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a mebibyte on each new connection": _new_connections,
    "unfinished bodies": _unfinished_bodies,
    "heads without end": _endless_heads,
}


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def measure(attack: Attack, seconds: float) -> Figures:
    """One attack against a new server."""
    with servers() as given:
        port = free_port()
        with running([*RUNLOG, "serve", "--port", str(port)], given.env, port) as server:
            load(port, 2, 2, 50)
            before = most = _resident(server.pid)
            ends = time.monotonic() + seconds
            attacker = threading.Thread(target=attack, args=(port, ends))
            attacker.start()
            figures: list[Figures] = []
            others = threading.Thread(target=lambda: figures.append(load(port, 4, seconds, 50)))
            others.start()
            while others.is_alive():
                most = max(most, _resident(server.pid))
                time.sleep(0.05)
            attacker.join()
    return {
        "MiB before": before,
        "MiB at most": most,
        "p50 ms": figures[0]["p50_ms"],
        "p99 ms": figures[0]["p99_ms"],
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
