"""What a read costs of processor time, beside an earlier state of the code, in turn with it.

    git worktree add --detach /tmp/earlier COMMIT
    .venv/bin/python benchmarks/reads_against.py /tmp/earlier [--rows 50000] [--rounds 20] [--only list]

Both states serve the same runs of 50 agents, each by one process with the packages of this environment, from
a database of its own on one embedded PostgreSQL. One client asks in bursts of `BURST` requests, on one
connection. Quote the ratios.
"""

import argparse
import asyncio
import http.client
import json
import os
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import asyncpg
from harness import RUNLOG, Figures, Servers, machine, postgres_tool, running, servers, table
from reads import fill

from app.embedded.ports import free_port

BURST = 25
SUFFIX = "/api/v1/internal"
READS = {
    "list of 100": f"{SUFFIX}/agent-run-log",
    "list of 20 of an agent": f"{SUFFIX}/agent-run-log?agent_id=agent-20&limit=20",
    "one run": f"{SUFFIX}/agent-run-log/{{run}}",
    "agents": f"{SUFFIX}/agents",
    "findings": f"{SUFFIX}/audit/findings",
    "intelligence": "/api/v1/public/platform/intelligence",
    "healthz": "/healthz",
}
COLUMNS = {
    "earlier µs": ".0f",
    "now µs": ".0f",
    "ratio": ".2f",
    "PostgreSQL, earlier µs": ".0f",
    "PostgreSQL, now µs": ".0f",
    "p50, earlier µs": ".0f",
    "p50, now µs": ".0f",
    "p50 ratio": ".2f",
}
NANOSECONDS = 1000  # in a microsecond


@dataclass
class Side:
    """One state of the code: its server, and what its reads have taken, in microseconds of each request."""

    checkout: Path
    url: str
    pid: int = 0
    client: http.client.HTTPConnection = field(init=False)
    api: dict[str, list[float]] = field(default_factory=dict)
    database: dict[str, list[float]] = field(default_factory=dict)
    wall: dict[str, list[float]] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """What has `RUNLOG` run this state's code on its database."""
        source = self.checkout / "src"
        path = f"{source / 'backend'}{os.pathsep}{source / 'client'}"
        return {"PYTHONPATH": path, "DATABASE_URL": self.url, "RUNLOG_LOG_LEVEL": "warning"}

    async def sync(self, _: str) -> None:
        """Give the database this state's schema."""
        command, env = [*RUNLOG, "schema", "sync"], {**os.environ, **self.env}
        await asyncio.to_thread(subprocess.run, command, env=env, check=True, capture_output=True)

    def get(self, path: str) -> bytes:
        """The body of an answer of 200."""
        self.client.request("GET", path)
        answer = self.client.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return body


def processor_time(*pids: int) -> int:
    """Nanoseconds that these processes took so far, in all their threads."""
    tasks = [each for pid in pids for each in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int((each / "schedstat").read_text().split()[0]) for each in tasks)


async def backends(url: str) -> list[int]:
    """The process ids of the connections to the database of `url`, but for this one."""
    connection = await asyncpg.connect(url)
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    try:
        return [row["pid"] for row in await connection.fetch(query)]
    finally:
        await connection.close()


def ask(side: Side, read: str, path: str, count: int) -> None:
    """Note what each of `count` requests took."""
    side.get(path)  # connects where the last burst was long ago
    pids = asyncio.run(backends(side.url))
    api, database = processor_time(side.pid), processor_time(*pids)
    took = []
    for _ in range(count):
        started = time.perf_counter_ns()
        side.get(path)
        took.append((time.perf_counter_ns() - started) / NANOSECONDS)
    side.api.setdefault(read, []).append((processor_time(side.pid) - api) / count / NANOSECONDS)
    side.database.setdefault(read, []).append((processor_time(*pids) - database) / count / NANOSECONDS)
    side.wall.setdefault(read, []).extend(took)


def serve(found: Servers, stack: ExitStack, checkouts: Mapping[str, Path], rows: int) -> dict[str, Side]:
    """Every state's server on the same runs."""
    sides = {name: Side(path, found.database(name)) for name, path in checkouts.items()}
    for name, side in sides.items():
        postgres_tool("psql", found.env["DATABASE_URL"], "-qc", f"CREATE DATABASE {name}")
        asyncio.run(fill(side.url, rows, sync=side.sync))
        port = free_port()
        process = running([*RUNLOG, "serve", "--port", str(port)], {**found.env, **side.env}, port)
        side.pid = stack.enter_context(process).pid
        side.client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        stack.callback(side.client.close)
    return sides


def figures_of(earlier: Side, now: Side, read: str) -> Figures:
    """Lower quartiles of what bursts took, since other work only adds to it; medians of times."""
    api, database = (
        [lower_quartile(side[read]) for side in pair]
        for pair in ((earlier.api, now.api), (earlier.database, now.database))
    )
    wall = [median(side.wall[read]) for side in (earlier, now)]
    return {
        "earlier µs": api[0],
        "now µs": api[1],
        "ratio": api[1] / api[0],
        "PostgreSQL, earlier µs": database[0],
        "PostgreSQL, now µs": database[1],
        "p50, earlier µs": wall[0],
        "p50, now µs": wall[1],
        "p50 ratio": wall[1] / wall[0],
    }


def lower_quartile(values: list[float]) -> float:
    """Of bursts of one read."""
    return quantiles(values, n=4)[0]


def measure(earlier: Path, rows: int = 50_000, rounds: int = 20, only: str = "") -> dict[str, Figures]:
    """What each read whose name has `only` costs at `earlier`, a checkout, and in this one."""
    reads = {name: path for name, path in READS.items() if only in name}
    checkouts = {"earlier": earlier.resolve(), "now": Path(__file__).parents[1]}
    with servers() as found, ExitStack() as stack:
        sides = serve(found, stack, checkouts, rows)
        for number in range(-2, rounds):
            for read, path in reads.items():
                for name in sorted(sides, reverse=number % 2 > 0):
                    run = json.loads(sides[name].get(f"{READS['list of 100']}?limit=1"))["runs"][0]["id"]
                    ask(sides[name], read, path.format(run=run), BURST)
            if number < 0:
                for side in sides.values():
                    side.api, side.database, side.wall = {}, {}, {}
        return {read: figures_of(sides["earlier"], sides["now"], read) for read in reads}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("earlier", type=Path, help="a checkout of the earlier state")
    parser.add_argument("--rows", type=int, default=50_000, help="of the log")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", default="", help="reads whose names have this")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = measure(arguments.earlier, arguments.rows, arguments.rounds, arguments.only)
    if arguments.json:
        print(json.dumps({"machine": machine(), "reads": results}))
    else:
        print(table(results, COLUMNS))


if __name__ == "__main__":
    main()
