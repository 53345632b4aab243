"""A steady day of a large fleet in a minute: a fixed rate of runs, everything on, one `runlog worker`.

    .venv/bin/python benchmarks/sustained.py [--rate 1000] [--seconds 60] [--set ROOM.NAME=VALUE] [--json]

Shows the answers' latency, how long after the last run the last score is there, and the memory of the API
and the worker after a third of the time and at the end: both have to stay flat.
"""

import argparse
import json
import threading
import time
from collections.abc import Sequence

import psutil
from harness import (
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

from app.embedded.ports import free_port

LEFT = "SELECT count(*) FROM agent_run_log WHERE rlhf_scores IS NULL"
COLUMNS = {
    "sent": ".0f",
    "errors": ".0f",
    "p50 ms": ".1f",
    "p99 ms": ".1f",
    "last scored after s": ".1f",
    "API MiB, early": ".0f",
    "API MiB, end": ".0f",
    "worker MiB, early": ".0f",
    "worker MiB, end": ".0f",
}
CLIENTS = 64
GIVE_UP_SECONDS = 600


def memory(processes: Sequence[psutil.Process]) -> float:
    """MiB resident of the processes and what they started."""
    family = [member for process in processes for member in (process, *process.children(recursive=True))]
    return sum(member.memory_info().rss for member in family) / 2**20


def measure(rate: float, seconds: float, workers: int, settings: Sequence[str] = ()) -> dict[str, Figures]:
    """One run of the load on servers of its own."""
    port, runlog = free_port(), runlog_with(settings)
    serve = [*runlog, "serve", "--port", str(port), "--workers", str(workers)]
    with (
        servers() as found,
        running([*runlog, "worker"], found.env) as worker,
        running(serve, found.env, port) as api,
    ):
        watched = {"API": psutil.Process(api.pid), "worker": psutil.Process(worker.pid)}
        early: Figures = {}

        def look() -> None:
            early.update({f"{name} MiB, early": memory([process]) for name, process in watched.items()})

        timer = threading.Timer(seconds / 3, look)
        timer.start()
        sent = load(port, CLIENTS, seconds, rate)
        ended = time.monotonic()
        timer.join()
        end = {f"{name} MiB, end": memory([process]) for name, process in watched.items()}
        while int(postgres_tool("psql", found.env["DATABASE_URL"], "-Atc", LEFT)):
            if time.monotonic() - ended > GIVE_UP_SECONDS:
                raise SystemExit("not everything was scored")
            time.sleep(0.2)
        figures = {
            "sent": sent["sent"],
            "errors": sent["errors"],
            "p50 ms": sent["p50_ms"],
            "p99 ms": sent["p99_ms"],
            "last scored after s": time.monotonic() - ended,
            **early,
            **end,
        }
    return {f"{rate:.0f} runs/s for {seconds:.0f} s": figures}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=1, help="API processes")
    add_set_option(parser)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.rate, arguments.seconds, arguments.workers, arguments.set)
    if arguments.json:
        print(json.dumps({"machine": machine(), "arguments": vars(arguments), "sustained": figures}))
    else:
        print(table(figures, COLUMNS))


if __name__ == "__main__":
    main()
