"""`runlog up` as people run it: a command that starts everything, and stops when asked or killed."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from app.embedded.ports import LOOPBACK
from app.embedded.process import processes_in
from app.environment import RUNTIME_FILE
from support.processes import eventually, free_port

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

RUNS = "/api/v1/internal/agent-run-log"
RUNLOG = Path(sys.executable).parent / "runlog"
MARK = "RUNLOG_TEST_MARK"


class Up:
    """`runlog up` on one data directory, which one process after another may run."""

    def __init__(self, directory: Path) -> None:
        self.data_dir = directory / "data dir"
        self.port = free_port()
        self.stderr = directory / "stderr"
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *options: str) -> subprocess.Popen[str]:
        arguments = ["up", "--data-dir", str(self.data_dir), *(options or ("--port", str(self.port)))]
        with self.stderr.open("ab") as stderr:
            process = subprocess.Popen(
                [RUNLOG, *arguments],
                env={**os.environ, MARK: str(self.data_dir)},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def start_and_wait(self, *options: str) -> tuple[subprocess.Popen[str], str]:
        """The process and its URL, once it says that it is ready."""
        process = self.start(*options)
        assert process.stdout is not None
        word, _, url = process.stdout.readline().strip().partition(" ")
        assert word == "ready", self.stderr.read_text()
        return process, url

    def marked(self) -> dict[int, str]:
        """The name of every process that inherited our mark."""
        mark = f"{MARK}={self.data_dir}".encode()
        found = {}
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (directory / "environ").read_bytes():
                    found[int(directory.name)] = (directory / "comm").read_text().strip()
            except OSError:
                continue
        return found

    def pids(self, command: str) -> set[int]:
        """The processes of one of the services, by their name."""
        return {pid for pid, name in self.marked().items() if name == f"runlog {command}"}

    def servers(self) -> set[int]:
        """The processes of the embedded servers."""
        postgres = processes_in(self.data_dir / "postgres" / "data", "postgres")
        return {*postgres, *processes_in(self.data_dir / "valkey" / "data", "valkey-server")}

    def is_gone(self) -> bool:
        """Whether nothing is left of it."""
        return not self.servers() and not self.marked()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path)
    yield running
    for process in running.processes:
        if process.poll() is None:
            process.terminate()
        process.communicate()


def report(url: str, agent_id: str) -> None:
    run = {"agent_id": agent_id, "status": "success", "actions_taken": {"summary": "Fixed a leak"}}
    assert httpx.post(url + RUNS, json=run, timeout=120).status_code == 204


def agents(url: str) -> list[str]:
    return [run["agent_id"] for run in httpx.get(url + RUNS, timeout=120).json()["runs"]]


@linux
def test_each_start_finds_the_data_of_the_last_and_starts_again_what_dies(
    up: Up, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, url = up.start_and_wait()
    assert url == f"http://127.0.0.1:{up.port}"
    report(url, "sage")
    # To the whole group, as Ctrl-C in a terminal does.
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(120) == 0, up.stderr.read_text()
    assert up.is_gone()

    process, url = up.start_and_wait("--port", str(up.port), "--workers", "2")
    report(url, "atlas")
    process.kill()
    process.wait()
    assert eventually(up.is_gone), (up.marked(), up.servers())

    process, url = up.start_and_wait()
    assert agents(url) == ["atlas", "sage"]
    assert eventually(lambda: count_together(url)), httpx.get(f"{url}/metrics", timeout=120).text
    check_no_other_joins(up, url)
    assert "Traceback" not in up.stderr.read_text()
    monkeypatch.delenv("RUNLOG_DATA_DIR")
    subprocess.run([RUNLOG, "report", "nova", "success", "--summary", "Fixed a leak"], check=True)
    for command in ("serve", "worker", "beat"):
        kill_and_see_replaced(up, command)
    for server in up.servers():
        # PostgreSQL's children may have ended with it, or by themselves.
        with contextlib.suppress(ProcessLookupError):
            os.kill(server, signal.SIGKILL)
    assert eventually(lambda: is_ready(url)), up.stderr.read_text()
    report(url, "lyra")
    assert agents(url) == ["lyra", "nova", "atlas", "sage"]
    process.terminate()
    assert process.wait(120) == 0, up.stderr.read_text()
    assert not (up.data_dir / RUNTIME_FILE).exists()
    assert up.is_gone()


def check_no_other_joins(up: Up, url: str) -> None:
    runtime = up.data_dir / RUNTIME_FILE
    assert runtime.stat().st_mode & 0o777 == 0o600
    assert json.loads(runtime.read_text())["url"] == url
    second = up.start("--port", str(free_port()))
    assert second.wait(120) == 1
    message = f"runlog: another `runlog up` is running on {up.data_dir}"
    assert message in up.stderr.read_text().splitlines()
    assert is_ready(url)


def kill_and_see_replaced(up: Up, command: str) -> None:
    before = up.pids(command)
    # A worker has children of the same name; which of them has the lowest number is chance, for numbers wrap.
    (parent,) = (pid for pid in before if psutil.Process(pid).ppid() not in before)
    os.kill(parent, signal.SIGKILL)
    assert eventually(lambda: bool(up.pids(command)) and not up.pids(command) & before), command


def count_together(url: str) -> bool:
    """Whether the API's metrics have what beat sent and the worker did."""
    counted = httpx.get(f"{url}/metrics", timeout=120).text
    task = 'task="app.tasks.alert_tasks.deliver_alerts"'
    done = f'runlog_task_seconds_count{{outcome="success",{task}}}'
    return f"runlog_beat_sent_total{{{task}}}" in counted and done in counted


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=120).status_code == 200
    except httpx.TransportError:
        return False


def test_a_taken_port_that_was_asked_for_is_an_error(up: Up) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        process = up.start("--port", str(port))
        assert process.wait(120) == 1
    message = f"runlog: port {port} of 127.0.0.1 is taken: choose another one with --port"
    assert up.stderr.read_text().splitlines()[-1] == message


def test_a_data_directory_that_cannot_be_made_is_an_error(up: Up) -> None:
    up.data_dir.write_text("a file")
    assert up.start().wait(120) == 1
    (message,) = up.stderr.read_text().splitlines()
    assert message.startswith(f"runlog: cannot use the data directory {up.data_dir}")
    assert message.endswith("RUNLOG_DATA_DIR chooses another one")
