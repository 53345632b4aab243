"""A flood: reports as fast as they are answered, with worker and beat; what still gets its turn.

    .venv/bin/python benchmarks/flood.py [--seconds 60] [--set ROOM.NAME=VALUE] [--json]

Shows ingest over pgbench's bare INSERT before and after it; for how long at most no alerts were delivered
and nothing was sealed, either of which is due every ten seconds; which share of the runs was sealed and
scored when the flood ended, and how long the rest took; and the memory of the API and the worker after a
third of the time and at the end.
"""

import argparse
import json
import sys
import threading
import time
import urllib.request
from collections import defaultdict
from itertools import pairwise
from statistics import median

import psutil
from harness import (
    HERE,
    Figures,
    add_set_option,
    load,
    machine,
    postgres_tool,
    runlog_with,
    running,
    servers,
    table,
)
from ingest import pgbench
from sustained import memory

from app.embedded.ports import free_port

CLIENTS = 32
PGBENCH_SECONDS = 10
LOOK_SECONDS = 0.5
WATCHED = {"alerts": "alert_tasks.deliver_alerts", "seals": "seal_tasks.seal_log"}
LEFT = {
    "sealed": "SELECT count(*) FROM seal_leaf WHERE kind = 'run'",
    "scored": "SELECT count(*) FROM agent_run_log WHERE rlhf_scores IS NOT NULL",
    "runs": "SELECT count(*) FROM agent_run_log",
}
COLUMNS = {
    "runs/s": ".0f",
    "of pgbench": ".2f",
    "no alerts for s": ".1f",
    "no seals for s": ".1f",
    "sealed": ".3f",
    "scored": ".3f",
    "rest sealed after s": ".0f",
    "rest scored after s": ".0f",
    "API MiB, early": ".0f",
    "API MiB, end": ".0f",
    "worker MiB, early": ".0f",
    "worker MiB, end": ".0f",
}


class Turns(threading.Thread):
    """When tasks of each watched kind have ended, as the worker's metrics tell."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._url = f"http://127.0.0.1:{port}/metrics"
        self._counts: dict[str, float] = {}
        self.moments: dict[str, list[float]] = defaultdict(list)
        self.ended = threading.Event()

    def run(self) -> None:
        """Ask for the metrics until `ended` is set."""
        while not self.ended.wait(LOOK_SECONDS):
            counts = self._look()
            for name, count in counts.items():
                if count > self._counts.get(name, 0):
                    self.moments[name].append(time.monotonic())
            self._counts = counts

    def _look(self) -> dict[str, float]:
        with urllib.request.urlopen(self._url, timeout=60) as answer:  # noqa: S310  # our own
            lines = answer.read().decode().splitlines()
        ended = [line for line in lines if line.startswith("runlog_task_seconds_count")]
        return {
            name: sum(float(line.split()[-1]) for line in ended if task in line)
            for name, task in WATCHED.items()
        }

    def longest_gap(self, name: str, start: float, end: float) -> float:
        """Seconds without such a task, at most, between two moments of the monotonic clock."""
        moments = [start, *(each for each in self.moments[name] if start < each < end), end]
        return max(later - earlier for earlier, later in pairwise(moments))


def _counts(url: str) -> dict[str, int]:
    return {name: int(postgres_tool("psql", url, "-Atc", question)) for name, question in LEFT.items()}


def _until_done(url: str, start: float) -> Figures:
    """Seconds from `start` until all runs are sealed, and until all are scored."""
    done: Figures = {}
    while len(done) < 2:
        counts = _counts(url)
        for name in ("sealed", "scored"):
            if counts[name] >= counts["runs"] and name not in done:
                done[name] = time.monotonic() - start
        time.sleep(1)
    return done


def _shown(figures: Figures) -> str:
    return table({"flood": figures}, {name: form for name, form in COLUMNS.items() if name in figures})


def measure(seconds: float, settings: list[str], *, wait: bool) -> Figures:
    """One flood on servers of its own."""
    port, metrics, runlog = free_port(), free_port(), runlog_with(settings)
    with servers() as found:
        url = found.env["DATABASE_URL"]
        postgres_tool("psql", url, "-qc", "CREATE DATABASE plain")
        plain = found.database("plain")
        postgres_tool("psql", plain, "-q", "-f", HERE / "specified.sql")
        yardstick = [pgbench(plain, CLIENTS, PGBENCH_SECONDS)["runs/s"]]
        with (
            running([*runlog, "worker", "--metrics-port", str(metrics)], found.env, metrics) as worker,
            running([*runlog, "beat"], found.env),
            running([*runlog, "serve", "--port", str(port)], found.env, port) as api,
        ):
            turns = Turns(metrics)
            turns.start()
            watched = {"API": psutil.Process(api.pid), "worker": psutil.Process(worker.pid)}
            figures: Figures = {}

            def look(when: str) -> None:
                figures.update({f"{name} MiB, {when}": memory([each]) for name, each in watched.items()})

            load(port, CLIENTS, 5)  # until worker and beat have started
            timer = threading.Timer(seconds / 3, look, ["early"])
            timer.start()
            start = time.monotonic()
            figures["runs/s"] = load(port, CLIENTS, seconds)["rate"]
            end = time.monotonic()
            timer.join()
            look("end")
            counts = _counts(url)
            figures |= {name: counts[name] / counts["runs"] for name in ("sealed", "scored")}
            figures |= {f"no {name} for s": turns.longest_gap(name, start, end) for name in WATCHED}
            figures["of pgbench"] = figures["runs/s"] / yardstick[0]
            if wait:  # which may take hours
                print(_shown(figures), file=sys.stderr)
                figures |= {f"rest {name} after s": took for name, took in _until_done(url, end).items()}
            turns.ended.set()
            turns.join()
        yardstick.append(pgbench(plain, CLIENTS, PGBENCH_SECONDS)["runs/s"])
        return {**figures, "of pgbench": figures["runs/s"] / median(yardstick)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--no-wait", action="store_true", help="do not wait until all is sealed and scored")
    add_set_option(parser)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = {"flood": measure(arguments.seconds, arguments.set, wait=not arguments.no_wait)}
    if arguments.json:
        print(json.dumps({"machine": machine(), "arguments": vars(arguments), "flood": results}))
    else:
        print(_shown(results["flood"]))


if __name__ == "__main__":
    main()
