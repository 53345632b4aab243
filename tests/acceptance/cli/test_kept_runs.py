"""Runs that are reported while the server is away: kept on disk, and recorded once when it is back."""

import json
import random
import signal
import subprocess
from pathlib import Path
from unittest.mock import patch

import asyncpg
import pytest

from conftest import Servers
from support.processes import RUNLOG, called, eventually, free_port, served
from support.reporting import Shell

pytestmark = pytest.mark.anyio

KEPT = b"runlog: the run is kept and sent later: "


def waiting(tmp_path: Path) -> list[Path]:
    """The reports that wait in the test's spool, in order."""
    return sorted((tmp_path / "state/agent-run-log/spool/queue").glob("*.run"))


def keep_one(tmp_path: Path) -> None:
    """Put a run into the spool, so that those behind it need not wait for a server that is away."""
    with patch("app.cli.sending.RETRY_SECONDS", 0.1):
        done = called("report", "a", "success", "--run-key", "first", RUNLOG_URL="http://127.0.0.1:1/")
    assert (done.returncode, len(waiting(tmp_path))) == (0, 1)


def ran(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """`runlog ARGUMENTS` as a process of its own, to its end."""
    return subprocess.run([*RUNLOG, *arguments], capture_output=True, check=False)


def is_killed_after(seconds: float, *arguments: str) -> bool:
    """Whether `runlog ARGUMENTS` had to be killed after so many seconds, rather than ended before."""
    process = subprocess.Popen([*RUNLOG, *arguments], stdout=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    return process.wait() == -signal.SIGKILL


async def test_runs_of_an_outage_are_recorded_once_and_in_order(
    database: str,
    db: asyncpg.Connection,
    servers: Servers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    monkeypatch.setenv("RUNLOG_URL", f"http://127.0.0.1:{port}")
    keep_one(tmp_path)
    for number in range(3):
        done = called("report", "a", "success", "--summary", f"run {number}")
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr.encode().startswith(KEPT)
    done_exec = ran("exec", "--agent", "a", "--", "sh", "-c", "echo run 3; exit 7")
    assert (done_exec.returncode, done_exec.stdout) == (7, b"run 3\n")
    assert done_exec.stderr.startswith(KEPT)
    flushed = called("flush", "--json")
    assert (flushed.returncode, json.loads(flushed.stdout)["left"]) == (1, 5)
    with served(env={"CELERY_BROKER_URL": servers.broker_url}, log=tmp_path / "serve.log", port=port):
        done = called("report", "a", "success", "--summary", "run 4")
        assert done.stderr == ""
        rows = await db.fetch("SELECT id, action_summary FROM agent_run_log ORDER BY created_at")
        assert [row["action_summary"] for row in rows] == [None, *(f"run {number}" for number in range(5))]
        assert done.stdout == f"{rows[-1]['id']}\n"
        flushed = called("flush")
        assert (flushed.returncode, flushed.stdout) == (0, "nothing was waiting\n")
    assert await db.fetchval("SELECT count(*) FROM agent_run_log") == 6


async def test_flush_delivers_what_is_left(
    database: str, db: asyncpg.Connection, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("RUNLOG_URL", f"http://127.0.0.1:{port}")
    keep_one(tmp_path)
    called("report", " ", "success")  # no agent: the server will refuse it
    with served(env={"CELERY_BROKER_URL": servers.broker_url}, log=tmp_path / "serve.log", port=port):
        flushed = called("flush", "--json")
    assert flushed.returncode == 0
    found = json.loads(flushed.stdout)
    assert (found["delivered"], found["rejected"], found["left"]) == (1, 1, 0)
    assert await db.fetchval("SELECT count(*) FROM agent_run_log") == 1


async def test_exec_killed_at_any_moment_is_recorded_once_or_not_at_all(
    database: str, db: asyncpg.Connection, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended by itself: once. Killed: at most once, and what it kept can be delivered."""
    ended, killed = [], []
    with served(env={"CELERY_BROKER_URL": servers.broker_url}, log=tmp_path / "serve.log") as server:
        monkeypatch.setenv("RUNLOG_URL", server.url)
        for number in range(14):
            run = f"run {number}"
            arguments = ("exec", "--agent", "a", "--key", f"k{number}", "--", "echo", run)
            (killed if is_killed_after(random.uniform(0.2, 1.6), *arguments) else ended).append(run)
        flushed = called("flush", "--json")
        assert (flushed.returncode, json.loads(flushed.stdout)["corrupt"]) == (0, 0)
    rows = await db.fetch("SELECT action_summary FROM agent_run_log")
    recorded = [row["action_summary"] for row in rows]
    assert len(recorded) == len(set(recorded))
    assert set(ended) <= set(recorded) <= {*ended, *killed}


def test_exec_that_is_terminated_has_kept_its_run(shell: Shell, tmp_path: Path) -> None:
    shell.listener.statuses = [None]  # it answers nothing, again and again
    process = shell.start(
        "exec", "--agent", "a", "--", "sh", "-c", "echo $$; exec sleep 600", stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    with process:
        process.stdout.readline()
        process.terminate()
        assert process.stderr is not None
        assert process.stderr.read().startswith(KEPT)
    assert process.returncode == 128 + signal.SIGTERM
    (kept,) = waiting(tmp_path)
    run = kept.read_bytes().partition(b"\n")[2]
    shell.listener.statuses = [204]
    assert shell.called("flush").stdout == "1 run delivered\n"
    assert (shell.listener.sent[-1], waiting(tmp_path)) == (run, [])


def test_a_server_that_is_away_is_waited_for_by_the_first_alone(shell: Shell, tmp_path: Path) -> None:
    shell.listener.statuses = [503]
    process = shell.start("report", "a", "success", "--run-key", "first")
    assert eventually(lambda: len(shell.listener.sent) > 1)
    done = shell.called("report", "a", "success", "--run-key", "second")
    assert (done.returncode, process.poll()) == (0, None)
    shell.listener.statuses = [204]
    assert process.wait(60) == 0
    assert waiting(tmp_path) == []  # the one who waited delivers the other's, too
    assert shell.listener.keys[-2:] == ["first", "second"]


def test_a_spool_that_cannot_be_used_keeps_no_run_from_the_server(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    shell.env["RUNLOG_SPOOL_DIR"] = str(tmp_path / "file")
    assert shell.called("report", "a", "success").returncode == 0
    assert len(shell.listener.sent) == 1
    shell.listener.statuses = [503]
    with patch("app.cli.sending.RETRY_SECONDS", 0.1):
        done = shell.called("report", "a", "success")
    assert done.returncode == 1
    assert "503" in done.stderr
    assert "the spool in " in done.stderr


def test_what_only_a_person_can_set_right_is_kept_and_an_error(shell: Shell, tmp_path: Path) -> None:
    shell.listener.statuses = [401]
    done = shell.called("report", "a", "success")
    assert done.returncode == 1
    assert "the server answered 401" in done.stderr
    assert len(waiting(tmp_path)) == 1


def test_a_run_that_is_refused_is_set_aside_with_the_reason(shell: Shell, tmp_path: Path) -> None:
    shell.listener.statuses = [422]
    done = shell.called("report", "a", "success")
    assert (done.returncode, waiting(tmp_path)) == (1, [])
    assert len(list((tmp_path / "state/agent-run-log/spool/rejected").glob("*.run"))) == 1


def test_a_report_says_whose_word_it_is_and_when_the_run_was(shell: Shell) -> None:
    times = ("--started-at", "2026-11-29T02:00:00+00:00", "--finished-at", "2026-11-29T02:05:00Z")
    done = shell.called("report", "a", "failed", "--run-key", "k", "--source", "systemd", *times)
    assert done.returncode == 0
    run = json.loads(shell.sent)
    assert (run["run_key"], run["source"]) == ("k", "systemd")
    assert (run["started_at"], run["finished_at"]) == (times[1], times[3])


async def test_what_the_agent_and_exec_say_is_one_run(
    database: str, db: asyncpg.Connection, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runlog = " ".join(RUNLOG)
    script = f"{runlog} report a success --summary 'Fixed a leak'; echo crashed >&2; exit 3"
    with served(env={"CELERY_BROKER_URL": servers.broker_url}, log=tmp_path / "serve.log") as server:
        monkeypatch.setenv("RUNLOG_URL", server.url)
        done = ran("exec", "--agent", "a", "--", "sh", "-c", script)
    assert (done.returncode, done.stderr) == (3, b"crashed\n")
    (row,) = await db.fetch("SELECT status, action_summary, actions_taken FROM agent_run_log")
    assert (row["status"], row["action_summary"]) == ("failed", "Fixed a leak")
