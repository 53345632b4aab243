"""How soon commands start, and what `runlog up` takes of memory while nothing happens.

    .venv/bin/python benchmarks/start.py [--rounds 10] [--idle 60] [--json]

Each command is the installed `runlog`, run in turn with the yardstick, `python -c pass`: medians of the time
from start to end, and of the processor time, which other load on the machine hardly changes. `report` and
`exec` talk to a server of this benchmark's own.

The memory is the proportional set size (PSS: a page shared by n processes counts 1/n for each) of every
process of `runlog up`, after three runs were reported, scored, and `--idle` seconds have passed. Linux only.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
from harness import RUNLOG, Figures, machine, running, servers, table

from app.embedded.ports import free_port

COMMAND_COLUMNS = {"ms": ".0f", "of python": ".1f", "CPU ms": ".0f", "CPU of python": ".1f"}
MEMORY_COLUMNS = {"PSS MiB": ".1f", "private MiB": ".1f", "processes": ".0f"}
YARDSTICK = "python -c pass"
PROGRAM = str(Path(sys.executable).parent / "runlog")
RUNS = "/api/v1/internal/agent-run-log"
REPORTED_RUNS = 3


def commands() -> dict[str, tuple[Sequence[str], Mapping[str, str]]]:
    """What is started, each with the variables it needs."""

    def completion(words: str) -> tuple[Sequence[str], Mapping[str, str]]:
        last = str(len(words.split(" ")) - 1)
        return [PROGRAM], {"_RUNLOG_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": last}

    return {
        YARDSTICK: ([sys.executable, "-c", "pass"], {}),
        "runlog --version": ([PROGRAM, "--version"], {}),
        "runlog --help": ([PROGRAM, "--help"], {}),
        "runlog runs --help": ([PROGRAM, "runs", "--help"], {}),
        "runlog report": ([PROGRAM, "report", "sage", "success", "--summary", "Fixed a leak"], {}),
        "runlog exec": ([PROGRAM, "exec", "--agent", "atlas", "--", "true"], {}),
        "completion of a command": completion("runlog ru"),
        "completion of an option": completion("runlog runs --"),
    }


def start(command: Sequence[str], env: Mapping[str, str]) -> tuple[float, float]:
    """Run a command to its end: the ms it took, and the ms of processor time."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env={**os.environ, **env}, check=True, capture_output=True)
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took * 1000, used * 1000


def measure_commands(rounds: int) -> dict[str, Figures]:
    """Medians of `rounds` starts of each command, one after the other in every round."""
    port = free_port()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands()}
    with servers() as found, running([*RUNLOG, "serve", "--port", str(port)], found.env, port):
        env = {"RUNLOG_URL": f"http://127.0.0.1:{port}"}
        for _ in range(rounds):
            for name, (command, own) in commands().items():
                times[name].append(start(command, {**env, **own}))
    medians = {name: _medians(runs) for name, runs in times.items()}
    wall, used = medians[YARDSTICK]
    return {
        name: {"ms": ms, "of python": ms / wall, "CPU ms": cpu, "CPU of python": cpu / used}
        for name, (ms, cpu) in medians.items()
    }


def _medians(runs: Sequence[tuple[float, float]]) -> list[float]:
    return [statistics.median(figures) for figures in zip(*runs, strict=True)]


@contextmanager
def everything(directory: Path) -> Iterator[psutil.Process]:
    """`runlog up` on a directory of its own, with runs reported."""
    port = free_port()
    command = [PROGRAM, "up", "--port", str(port), "--data-dir", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith("ready "):
                raise SystemExit("runlog up did not start")
            for number in range(REPORTED_RUNS):
                run = {"agent_id": f"agent-{number}", "status": "success"}
                httpx.post(f"http://127.0.0.1:{port}{RUNS}", json=run).raise_for_status()
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def role(process: psutil.Process, parent: psutil.Process) -> str:
    """What a process of `runlog up` is."""
    return "supervisor" if process.pid == parent.pid else process.name().removeprefix("runlog ")


def measure_memory(idle: float) -> dict[str, Figures]:
    """MiB by role, and of all together."""
    with tempfile.TemporaryDirectory(prefix="runlog-benchmark-") as directory:
        os.chmod(directory, 0o755)  # noqa: PTH101, S103  # the servers may run as another account
        with everything(Path(directory) / "data") as parent:
            time.sleep(idle)
            found: dict[str, Figures] = {}
            for process in (parent, *parent.children(recursive=True)):
                name, memory = role(process, parent), process.memory_full_info()
                row = found.setdefault(name, dict.fromkeys(MEMORY_COLUMNS, 0.0))
                row["PSS MiB"] += memory.pss / 2**20
                row["private MiB"] += memory.uss / 2**20
                row["processes"] += 1
    return {**found, "all": {key: sum(row[key] for row in found.values()) for key in MEMORY_COLUMNS}}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10, help="starts of each command")
    parser.add_argument("--idle", type=float, default=60, help="seconds before memory is measured")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    started = measure_commands(arguments.rounds) if arguments.rounds else {}
    memory = measure_memory(arguments.idle)
    if arguments.json:
        print(json.dumps({"machine": machine(), "start": started, "memory": memory}))
    else:
        print(table(started, COMMAND_COLUMNS), table(memory, MEMORY_COLUMNS), sep="\n\n")


if __name__ == "__main__":
    main()
