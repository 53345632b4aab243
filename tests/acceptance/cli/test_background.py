"""`runlog up --detach`, `status`, `logs` and `down`, on the machine's real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from app.embedded.data_dir import DataDirectory
from app.embedded.process import processes_in
from app.environment import RUNTIME_FILE
from support.processes import RUNLOG, called, eventually, free_port
from support.pseudo_terminal import shown_on_terminal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

PARTS = ["Valkey", "PostgreSQL", "API", "Celery beat", "Celery worker"]


class Background:
    """A `runlog up --detach` of this test, and what is to be seen of it."""

    def __init__(self, directory: Path) -> None:
        self.data_dir = directory / "data dir"
        self.port = free_port()

    def up(self) -> subprocess.CompletedProcess[str]:
        arguments = ("up", "--detach", "--port", str(self.port), "--data-dir", str(self.data_dir))
        return subprocess.run([*RUNLOG, *arguments], capture_output=True, text=True, timeout=240, check=False)

    def on_it(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        return called(command, "--data-dir", self.data_dir, *options)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.on_it("status", "--json").stdout)
        return found

    def servers(self) -> list[int]:
        return [
            *processes_in(self.data_dir / "postgres" / "data", "postgres"),
            *processes_in(self.data_dir / "valkey" / "data", "valkey-server"),
        ]


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Background]:
    found = Background(tmp_path)
    yield found
    found.on_it("down")


def test_it_runs_in_the_background_until_it_is_stopped(background: Background) -> None:
    started = background.up()
    assert started.returncode == 0, started.stderr
    assert started.stdout == f"ready http://127.0.0.1:{background.port}\n"
    assert httpx.get(f"http://127.0.0.1:{background.port}/readyz", timeout=120).status_code == 200
    check_status(background)
    check_logs(background)
    second = background.up()
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == f"runlog: another `runlog up` is running on {background.data_dir}\n"
    pids = [part["pid"] for part in background.status()["parts"]]
    stopped = background.on_it("down")
    assert (stopped.returncode, stopped.stdout) == (
        0,
        f"stopped the `runlog up` on {background.data_dir}\n",
    )
    assert not any(map(runs, pids))
    assert background.on_it("down").stdout == f"no `runlog up` is running on {background.data_dir}\n"


def runs(pid: int) -> bool:
    """Whether the process is there, and not only waits for its end to be noted."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def check_status(background: Background) -> None:
    found = background.status()
    assert (found["state"], found["reasons"], found["data_dir"]) == ("ready", [], str(background.data_dir))
    assert [part["name"] for part in found["parts"]] == PARTS
    for part in found["parts"]:
        assert (part["state"], part["starts"]) == ("running", 1), part
        assert runs(part["pid"])
        assert datetime.fromisoformat(part["since"]) < datetime.now(UTC)
        assert part["version"], part
    assert found["data_bytes"] > found["database_bytes"] > 1_000_000
    lines = shown_on_terminal("status", "--data-dir", str(background.data_dir), columns=80)
    assert lines[0] == f"ready http://127.0.0.1:{background.port}"
    assert all(len(line) <= 80 for line in lines[:9]), lines
    assert [line for line in lines if line.startswith("Celery worker  running")]


def check_logs(background: Background) -> None:
    written = background.on_it("logs", "--lines", "1000").stdout
    assert "is ready on 127.0.0.1" in written
    assert background.on_it("logs", "postgres").stdout.count("database system is ready") == 1
    lines = shown_on_terminal("logs", "--data-dir", str(background.data_dir), columns=80)
    # What the API logged as JSON, as on a terminal.
    assert [line for line in lines if line[9:].startswith(" [info") and "Application startup" in line], lines


def check_that_a_frozen_part_is_named(background: Background) -> None:
    (valkey,) = processes_in(background.data_dir / "valkey" / "data", "valkey-server")
    os.kill(valkey, signal.SIGSTOP)
    try:
        status = background.on_it("status")
        assert status.returncode == 1
        assert status.stdout.startswith("not ready http://")
        assert "\n  broker: " in status.stdout
    finally:
        os.kill(valkey, signal.SIGCONT)
    assert eventually(lambda: background.status()["state"] == "ready")


def test_what_a_killed_one_left_is_stopped(background: Background) -> None:
    assert background.up().returncode == 0
    check_that_a_frozen_part_is_named(background)
    pid = DataDirectory(background.data_dir).holder()
    assert pid is not None
    parts = [part["pid"] for part in background.status()["parts"]]
    # One that does not end with its supervisor, as on a system without the parent-death signal.
    api = parts[2]
    os.kill(api, signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: DataDirectory(background.data_dir).holder() is None)
    stopped = background.on_it("down")
    assert stopped.returncode == 0, stopped.stderr
    assert "had been killed: nothing of it is left" in stopped.stdout
    assert background.servers() == []
    assert not any(map(runs, parts))
    assert not (background.data_dir / RUNTIME_FILE).exists()
    status = background.on_it("status")
    assert status.returncode == 1
    assert status.stdout.startswith(f"no `runlog up` is running on {background.data_dir}\n")


def test_a_start_that_fails_says_why(background: Background) -> None:
    with socket.create_server(("127.0.0.1", background.port)):
        failed = background.up()
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.splitlines() == [
        f"runlog: port {background.port} of 127.0.0.1 is taken: choose another one with --port"
    ]
    assert "is taken" in background.on_it("logs").stdout


def test_there_is_no_log_yet(background: Background) -> None:
    missing = background.on_it("logs")
    assert missing.returncode == 1
    path = background.data_dir / "up.log"
    assert missing.stderr == f"runlog: there is no log at {path}: `runlog up --detach` writes one\n"
