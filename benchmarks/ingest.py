"""Ingest against two yardsticks in turn: pgbench's bare INSERT, and a straightforward implementation.

    .venv/bin/python benchmarks/ingest.py [--workers 1] [--seconds 6] [--rounds 5] [--set ROOM.NAME=VALUE]

Everything runs on one embedded PostgreSQL with its stock settings, fsync on, and on an embedded
Valkey. The yardsticks write to the specification's bare table; the product has everything on, and
scores with one `runlog worker` meanwhile. Quote the ratios: machines differ, and are noisy.
"""

import argparse
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from harness import (
    HERE,
    Figures,
    Servers,
    add_set_option,
    load,
    machine,
    postgres_tool,
    runlog_with,
    running,
    servers,
    table,
)

from app.embedded.ports import free_port

CLIENTS = (32, 64)
SETTLE_SECONDS = 3  # the worker takes as long to start
STRAIGHTFORWARD = [sys.executable, "-m", "uvicorn", "--log-level", "warning", "straightforward:app", "--port"]
COLUMNS = {"runs/s": ".0f", "of pgbench": ".2f", "p50 ms": ".1f", "p99 ms": ".1f", "errors": ".0f"}


def pgbench(url: str, clients: int, seconds: float) -> Figures:
    """Single-row INSERTs, one transaction each: no HTTP, no Python. `p50 ms` is the average."""
    options = ("-n", "-c", str(clients), "-j", "1", "-T", str(int(seconds)), "-f", HERE / "insert.pgbench")
    output = postgres_tool("pgbench", url, *options)
    return {
        "runs/s": float(re.search(r"tps = ([\d.]+)", output)[1]),
        "p50 ms": float(re.search(r"latency average = ([\d.]+)", output)[1]),
        "errors": 0,
    }


def served(port: int, clients: int, seconds: float, rate: float | None = None) -> Figures:
    """A server's figures, after a second of warming up."""
    load(port, clients, 1, rate)
    figures = load(port, clients, seconds, rate)
    return {
        "runs/s": figures["rate"],
        "p50 ms": figures["p50_ms"],
        "p99 ms": figures["p99_ms"],
        "errors": figures["errors"],
    }


def one_round(
    found: Servers, plain: str, workers: int, seconds: float, runlog: Sequence[str]
) -> dict[str, Figures]:
    """Every contender once, a second apart, so that a slow minute of the machine hits all alike."""
    results = {}
    port = free_port()
    for clients in CLIENTS:
        _settle(plain)
        results[f"pgbench, {clients} clients"] = pgbench(plain, clients, seconds)
        serve = [*runlog, "serve", "--port", str(port), "--workers", str(workers)]
        with (
            running([*runlog, "worker"], found.env),
            running(serve, found.env, port),
        ):
            _settle(plain)
            ours = served(port, clients, seconds)
            results[f"agent run log, {clients} clients"] = ours
            if clients == CLIENTS[0]:
                half = served(port, clients, seconds, ours["runs/s"] / 2)
                results[f"agent run log, {clients} clients, half load"] = half
        if clients == CLIENTS[0]:
            with running([*STRAIGHTFORWARD, str(port)], {**found.env, "DATABASE_URL": plain}, port):
                _settle(plain)
                results[f"straightforward, {clients} clients"] = served(port, clients, seconds)
    return results


def _settle(url: str) -> None:
    """Let no system pay for the pages that another left to be written, nor for a start that is under way."""
    postgres_tool("psql", url, "-qc", "CHECKPOINT")
    time.sleep(SETTLE_SECONDS)


def measure(workers: int, seconds: float, rounds: int, settings: Sequence[str] = ()) -> dict[str, Figures]:
    """The median of each figure over `rounds` rounds, and its ratio to pgbench's rate."""
    series: dict[str, list[Figures]] = defaultdict(list)
    with servers() as found:
        postgres_tool("psql", found.env["DATABASE_URL"], "-qc", "CREATE DATABASE plain")
        plain = found.database("plain")
        postgres_tool("psql", plain, "-q", "-f", HERE / "specified.sql")
        for _ in range(rounds):
            for name, figures in one_round(found, plain, workers, seconds, runlog_with(settings)).items():
                series[name].append(figures)
    medians = {
        name: {key: median(figures[key] for figures in rounds_of) for key in rounds_of[0]}
        for name, rounds_of in series.items()
    }
    for name, figures in medians.items():
        clients = re.search(r"\d+ clients", name)[0]
        figures["of pgbench"] = figures["runs/s"] / medians[f"pgbench, {clients}"]["runs/s"]
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=1, help="API processes")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    add_set_option(parser)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = measure(arguments.workers, arguments.seconds, arguments.rounds, arguments.set)
    if arguments.json:
        print(json.dumps({"machine": machine(), "arguments": vars(arguments), "ingest": results}))
    else:
        print(table(results, COLUMNS))


if __name__ == "__main__":
    main()
