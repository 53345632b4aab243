"""`runlog runs` in pipes, on full disks and narrow terminals."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.services.agent_run_log_service import write_run_log
from support.processes import RUNLOG, called, serving


def record(*summaries: str, agent: str = "sage") -> None:
    async def write() -> None:
        for summary in summaries:
            await write_run_log(agent, {"summary": summary})

    asyncio.run(write())


@pytest.fixture(scope="module")
def url(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that has 20 long runs: by it a command starts in a fraction of the time."""
    log = tmp_path_factory.mktemp("server") / "serve.log"
    with serving(env={"DATABASE_URL": module_database}, log=log) as url:
        for _ in range(20):
            run = {"agent_id": "sage", "status": "success", "actions_taken": {"summary": "x" * 100_000}}
            assert httpx.post(f"{url}/api/v1/internal/agent-run-log", json=run, timeout=120).is_success
        yield url


def test_what_agents_sent_does_not_steer_the_terminal(database: str) -> None:
    record("\x1b[2Jcleared\x07\u202e", agent="\x1b[31mred")
    shown = called("runs").stdout
    assert "cleared" in shown
    assert "red" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_a_long_name_leaves_room_for_the_summary(database: str) -> None:
    record("Rotated the logs", agent="a" * 255)
    assert "Rotated the logs" in called("runs").stdout


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_full_disk_is_a_sentence(
    url: str, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNLOG_URL", url)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*RUNLOG, "runs", *options], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"runlog: No space left on device\n")


@pytest.mark.parametrize(
    "arguments",
    ["runs", "runs --json", 'exec --agent sage -- sh -c "cat && echo done && echo >&2"'],
)
def test_without_standard_streams_a_command_goes_on(
    url: str, arguments: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNLOG_URL", url)
    command = f'"$0" -m app.cli.main {arguments} <&- >&- 2>&-'
    assert subprocess.run(["/bin/sh", "-c", command, sys.executable], check=False).returncode == 0


def test_a_reader_that_leaves_is_no_error_to_tell_of(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNLOG_URL", url)
    process = subprocess.Popen([*RUNLOG, "runs", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        assert process.stdout.read(1) == b"{"
        process.stdout.close()
        assert process.stderr.read() == b""


def test_follow_begins_with_the_newest_and_goes_on_with_the_new(database: str) -> None:
    record("one", "two", "three")
    process = subprocess.Popen(
        [*RUNLOG, "runs", "--follow", "--json", "--limit", "2"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    with process:
        summaries = []
        for expected in ("two", "three", "four"):
            if expected == "four":
                record("four")
            line = process.stdout.readline().decode()
            summaries.append(line.partition('"action_summary":"')[2].partition('"')[0])
        process.send_signal(signal.SIGINT)
    assert summaries == ["two", "three", "four"]
    assert process.returncode == 130
