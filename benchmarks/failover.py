"""What agents see while a part of a replicated installation is lost, under 500 runs a second with keys.

    .venv/bin/python benchmarks/failover.py --patroni /path/to/patroni [--times 3] [--only TEXT] [--by TEXT]

Two PostgreSQL servers under Patroni with synchronous replication, etcd, HAProxy before both the database and
two `runlog serve`. Each fault is tried `--times` times, and every run that was sent must be stored once. The
database is reached by HAProxy and, in turn, by a URL with both hosts. Needs `patroni`, `etcd` and `haproxy`,
Linux and root.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import asyncpg
import httpx
from harness import RUNLOG, runlog
from patroni_cluster import PG_PORT, Cluster, Node, wait

from app.embedded.ports import free_port

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.background import Background
from support.freezing import thaw
from support.load import Load, under_way

CONNECTIONS, PAUSE = 70, 0.1
"""Together some 500 runs a second, of agents that wait for each answer."""

LOST_SECONDS = 30.0
"""For which a part is away: longer than Patroni takes to notice."""

COLUMNS = (
    *("what was lost", "the database by", "times", "runs sent", "stored", "lost", "doubled", "503s"),
    *("no answer", "runs/s before", "longest gap"),
)


class Bench(NamedTuple):
    """The installation, how its API is started, and where it answers."""

    cluster: Cluster
    start_api: Callable[[int], None]
    start_balancer: Callable[[], None]
    api_ports: tuple[int, int]
    url: str


@contextmanager
def killed_primary(bench: Bench) -> Iterator[None]:
    """Its whole machine, which starts again later."""
    node = leader(bench)
    bench.cluster.kill_node(node)
    yield
    bench.cluster.start_node(node)


@contextmanager
def frozen_primary(bench: Bench) -> Iterator[None]:
    """Its whole machine stops, and goes on later."""
    processes = bench.cluster.processes(leader(bench))
    for process in processes:
        process.suspend()
    yield
    thaw(processes)


@contextmanager
def cut_primary(bench: Bench) -> Iterator[None]:
    """Its network cable is pulled, and plugged in again later."""
    node = leader(bench)
    bench.cluster.plug(node, in_=False)
    yield
    bench.cluster.plug(node, in_=True)


@contextmanager
def killed_api(bench: Bench) -> Iterator[None]:
    """One of the two servers of the API."""
    bench.cluster.kill(f"api-{bench.api_ports[0]}")
    yield
    bench.start_api(bench.api_ports[0])


@contextmanager
def killed_balancer(bench: Bench) -> Iterator[None]:
    """HAProxy, which is started again at once, as by systemd."""
    bench.cluster.kill("haproxy")
    bench.start_balancer()
    yield


FAULTS = {
    "primary killed": killed_primary,
    "primary frozen": frozen_primary,
    "primary's network cut": cut_primary,
    "one of two API servers killed": killed_api,
    "HAProxy killed": killed_balancer,
}


def leader(bench: Bench) -> Node:
    """The server that takes writes."""
    node = bench.cluster.leader()
    assert node is not None
    return node


def try_fault(bench: Bench, background: Background, fault: Callable[..., object]) -> dict[str, float]:
    """Have the fault come and go under load; returns the figures. Raises `AssertionError` for a lost run."""
    load = Load(bench.url, background, connections=CONNECTIONS, pause=PAUSE, all_keyed=True)
    with under_way(load):
        began, before = time.monotonic(), load.acknowledged()
        time.sleep(5)
        rate = (load.acknowledged() - before) / (time.monotonic() - began)
        with fault(bench):  # type: ignore[attr-defined]
            time.sleep(LOST_SECONDS)
        load.wait_for(1000)
        bench.cluster.wait_until_in_step()
        load.wait_for(1000)
    load.send_again()
    assert not load.unexpected, load.unexpected[:3]
    tally = background.run(load.tally(direct_url(bench.cluster)))
    assert (tally.lost, tally.doubled, tally.stored) == (0, 0, tally.sent), tally
    return {
        "sent": tally.sent,
        "stored": tally.stored,
        "lost": tally.lost,
        "doubled": tally.doubled,
        "refused": tally.refused,
        "unanswered": tally.unanswered,
        "rate": rate,
        "gap": tally.longest_gap,
    }


def direct_url(cluster: Cluster, database: str = "runlog") -> str:
    """The database on the server that takes writes."""
    node = cluster.leader()
    assert node is not None
    return f"postgresql://postgres:{cluster.password}@{node.address}:{PG_PORT}/{database}"


def line(name: str, way: str, rows: list[dict[str, float]]) -> str:
    """A fault's line of the table: counts of all times together, the longest gap, the mean rate."""
    counts = [f"{sum(row[key] for row in rows):.0f}" for key in COUNTS]
    rate = sum(row["rate"] for row in rows) / len(rows)
    gap = max(row["gap"] for row in rows)
    return f"| {' | '.join([name, way, str(len(rows)), *counts, f'{rate:.0f}', f'{gap:.1f} s'])} |"


COUNTS = ("sent", "stored", "lost", "doubled", "refused", "unanswered")


async def make_database(cluster: Cluster) -> None:
    """An empty database for the product."""
    connection = await asyncpg.connect(direct_url(cluster, "postgres"))
    await connection.execute("CREATE DATABASE runlog")
    await connection.close()


def is_ready(url: str) -> bool:
    """Whether the API can record runs."""
    try:
        return httpx.get(f"{url}/readyz/ingest", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def measure(cluster: Cluster, directory: Path, times: int, only: str, by: str) -> None:
    """Try every fault by each way to the database, and print a line for each."""
    primary_port, api_port, ports = free_port(), free_port(), (free_port(), free_port())
    addresses = ",".join(f"{node.address}:{PG_PORT}" for node in cluster.nodes)
    ways = {"HAProxy": f"127.0.0.1:{primary_port}", "both hosts": addresses}

    def balance() -> None:
        cluster.balance(primary_port, api_port, ports)

    balance()
    background = Background()
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|", flush=True)
    for way in filter(lambda way: by in way, ways):
        url = f"postgresql://postgres:{cluster.password}@{ways[way]}/runlog"
        env = {**os.environ, "DATABASE_URL": url, "RUNLOG_DATA_DIR": str(directory)}

        def start_api(port: int, env: dict[str, str] = env) -> None:
            cluster.launch(f"api-{port}", *RUNLOG, "serve", "--port", str(port), env=env)

        bench = Bench(cluster, start_api, balance, ports, f"http://127.0.0.1:{api_port}")
        for port in ports:
            start_api(port)
        for name in filter(lambda name: only in name, FAULTS):
            rows = []
            for _ in range(times):
                wait(lambda: is_ready(bench.url), "the API is not ready")  # noqa: B023
                rows.append(try_fault(bench, background, FAULTS[name]))
            print(line(name, way, rows), flush=True)
        for port in ports:
            cluster.kill(f"api-{port}")
    background.close()


def main() -> None:
    """Parse the arguments and print a table of Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--patroni", required=True, help="the program")
    parser.add_argument("--times", type=int, default=3, help="how often each fault is tried")
    parser.add_argument("--only", default="", metavar="TEXT", help="faults with this in their name")
    parser.add_argument(
        "--by", default="", metavar="TEXT", help="ways to the database with this in their name"
    )
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started ends with us
    with tempfile.TemporaryDirectory(prefix="runlog-failover-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        cluster = Cluster(directory, arguments.patroni)
        try:
            cluster.start()
            asyncio.run(make_database(cluster))
            runlog({"DATABASE_URL": direct_url(cluster), "RUNLOG_DATA_DIR": name}, "schema", "sync")
            measure(cluster, directory, arguments.times, arguments.only, arguments.by)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
