"""The commands of agents and operators against a real server: what they do, how they exit, what they say."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from rich.console import Console

from app.cli import sending
from app.config import Settings
from app.environment import environment_name
from support.processes import RUNLOG, called, free_port, running, serving


def as_process(*arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as a process, to its end; a traceback is never what it says."""
    done = subprocess.run(
        [*RUNLOG, *arguments],
        input=stdin,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done


def runlog(*arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a command within this process; a traceback is never what it says."""
    done = called(*arguments, stdin=stdin, **env)
    assert "Traceback" not in done.stderr + done.stdout
    return done


@pytest.fixture(scope="module")
def module_server(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server of this module's tests, each of which has agents of its own."""
    directory = tmp_path_factory.mktemp("server")
    env = {"DATABASE_URL": module_database, "RUNLOG_DATA_DIR": str(directory)}
    with serving(env=env, log=directory / "serve.log") as url:
        yield url


@pytest.fixture
def server(module_server: str, module_database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A running server; the commands find it."""
    monkeypatch.setenv("RUNLOG_URL", module_server)
    monkeypatch.setenv("DATABASE_URL", module_database)
    return module_server


def listed(agent: str, *options: str) -> list[dict[str, Any]]:
    """What `runlog runs --json` prints of an agent."""
    done = runlog("runs", "--json", "--agent", agent, *options)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_is_reported_is_listed(server: str, tmp_path: Path) -> None:
    (tmp_path / "actions.json").write_text('{"tests_run": 14, "summary": "replaced"}', encoding="utf-8")
    printed = []
    for arguments, stdin in (
        (("success", "--summary", "Fixed größe 😀", "--actions", f"@{tmp_path}/actions.json"), ""),
        (("failed", "--actions", "-"), '{"error": "timeout"}'),
        (("partial", "--summary", "3 of 5"), ""),
    ):
        done = as_process("report", "sage", *arguments, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, "")
        printed.append(done.stdout.strip())
    assert [run["id"] for run in reversed(listed("sage"))] == printed
    assert [(run["status"], run["actions_taken"]) for run in listed("sage")] == [
        ("partial", {"summary": "3 of 5"}),
        ("failed", {"error": "timeout"}),
        ("success", {"tests_run": 14, "summary": "Fixed größe 😀"}),
    ]
    found = listed("sage", "--status", "failed", "--since", "1h", "--limit", "1")
    assert [run["status"] for run in found] == ["failed"]
    assert listed("sage", "--since", "2999-01-01") == []
    shown = runlog("runs", "--agent", "sage")
    assert shown.returncode == 0
    assert all(word in shown.stdout for word in ("sage", "partial", "3 of 5", "just now"))


def test_exec_reports_how_a_command_went_and_exits_as_it_did(server: str) -> None:
    good = as_process("exec", "--agent", "atlas", "--", "sh", "-c", "echo out; echo err >&2")
    assert (good.returncode, good.stdout, good.stderr) == (0, "out\n", "err\n")
    assert as_process("exec", "--agent", "atlas", "--", "sh", "-c", "kill -9 $$").returncode == 137
    assert as_process("exec", "--agent", "atlas", "--", "/no/such/command").returncode == 127
    runs = listed("atlas")
    assert [run["actions_taken"]["exit_code"] for run in runs] == [127, 137, 0]
    assert [run["status"] for run in runs] == ["failed", "failed", "success"]


def test_a_report_the_server_refuses_is_one_sentence(server: str) -> None:
    for agent, actions, reason in (("a" * 256, {}, "agent_id"), ("lyra", {"x": "x" * 1_100_000}, "413")):
        done = runlog("report", agent, "success", "--actions", "-", stdin=json.dumps(actions))
        assert done.returncode == 1
        assert done.stderr.startswith("runlog: ")
        assert reason in done.stderr
        assert done.stderr.count("\n") == 1
    assert listed("lyra") == []


def test_a_run_reported_twice_by_one_key_is_one_run(server: str) -> None:
    first, again = (runlog("report", "helios", "success", "--idempotency-key", "7") for _ in range(2))
    assert [run["id"] for run in listed("helios")] == [first.stdout.strip()] == [again.stdout.strip()]


@pytest.mark.parametrize(("url", "code"), [("http://127.0.0.1:{}", 0), ("nonsense", 1), ("http://[", 1)])
def test_a_server_that_cannot_be_reached_is_one_sentence(
    url: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "RETRY_SECONDS", 0.1)
    done = runlog("report", "sage", "success", RUNLOG_URL=url.format(free_port()))
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("runlog: ")
    assert done.stderr.count("\n") == 1


def test_a_run_that_cannot_be_reported_leaves_the_exit_code_alone(tmp_path: Path) -> None:
    done = as_process("exec", "--agent", "sage", "--", "sh", "-c", "echo ran; exit 3", RUNLOG_URL="nonsense")
    assert (done.returncode, done.stdout) == (3, "ran\n")
    assert done.stderr.startswith("runlog: the run is kept and sent later: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "env", "words"),
    [
        ("score status", {}, "DATABASE_URL is not set"),
        ("serve", {}, "DATABASE_URL is not set"),
        ("worker", {"DATABASE_URL": "postgresql://h/db"}, "CELERY_BROKER_URL is not set"),
        ("beat", {"CELERY_BROKER_URL": "carrier-pigeon://h"}, "CELERY_BROKER_URL must start with"),
        ("schema check", {"RUNLOG_LOG_LEVEL": "LOUD"}, "RUNLOG_LOG_LEVEL: "),
        ("serve", {"DATABASE_URL": "mysql://h/db"}, "DATABASE_URL must start with postgresql://"),
        ("runs", {"DATABASE_URL": "postgresql://u:p@127.0.0.1:1/db"}, ""),
        ("runs --follow", {"DATABASE_URL": "postgresql://u:p@db.invalid/db"}, ""),
    ],
)
def test_a_setting_that_is_missing_or_of_no_use_is_one_sentence(
    command: str, env: dict[str, str], words: str
) -> None:
    done = runlog(*command.split(), **env)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("runlog: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_follow_prints_a_new_run_and_ends_on_ctrl_c(server: str) -> None:
    runlog("report", "nova", "success", "--summary", "old")
    with subprocess.Popen(
        [*RUNLOG, "runs", "--follow", "--agent", "nova"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as follow:
        assert follow.stdout is not None
        assert follow.stderr is not None
        while "old" not in follow.stdout.readline():
            pass
        runlog("report", "scout", "success", "--summary", "not asked for")
        runlog("report", "nova", "failed", "--summary", "new")
        line = ""
        while "new" not in line:
            line = follow.stdout.readline()
            assert "not asked for" not in line
        follow.send_signal(signal.SIGINT)
        assert follow.wait(120) == 130
        assert follow.stderr.read() == ""


def test_config_shows_every_setting_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "broker").write_text("redis://:hunter2hunter2@h:6379/0\n", encoding="utf-8")
    done = runlog(
        "config",
        "--json",
        DATABASE_URL="postgresql://runlog:hunter2hunter2@db:5432/runlog?password=hunter2hunter2",
        CELERY_BROKER_URL_FILE=str(tmp_path / "broker"),
        RUNLOG_URL="http://runlog:hunter2hunter2@h:8000",
        RUNLOG_MAX_BODY_BYTES="2048",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "hunter2" not in done.stdout
    values = json.loads(done.stdout)
    assert set(values) == {environment_name(field) for field in Settings.model_fields}
    assert values["RUNLOG_MAX_BODY_BYTES"] == 2048
    assert values["DATABASE_URL"].startswith("postgresql://runlog:[redacted]@db:5432/runlog")
    assert values["CELERY_BROKER_URL"] == "redis://:[redacted]@h:6379/0"


def test_a_port_in_use_is_an_error_without_a_traceback(server: str, tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    with running("serve", "--port", server.rpartition(":")[2], env={}, log=log) as process:
        assert process.wait(120) == 1
    assert "address already in use" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_a_run_is_shown_in_full_by_the_beginning_of_its_id(server: str) -> None:
    payload = '{"summary": "Paid \\u202e17 invoices", "big": 12345678901234567890123}'
    run_id = runlog("report", "luma", "success", "--actions", payload).stdout.strip()
    shown = runlog("show", run_id[:13])
    for words in (run_id, "luma", "success", "consecutive_silence_count: 0", "12345678901234567890123"):
        assert words in shown.stdout
    assert "\u202e" not in shown.stdout
    assert json.loads(runlog("show", run_id, "--json").stdout)["actions_taken"]["summary"].endswith(
        "invoices"
    )
    assert runlog("rate", run_id[:13], "1", "--rater", "ada").stdout == f"ada rated {run_id} 1\n"
    assert run_id[:13] in runlog("runs", "--agent", "luma").stdout


def test_a_run_leads_to_its_page_where_people_can_reach_it(server: str) -> None:
    run_id = runlog("report", "luma", "success", "--summary", "Paid 3 invoices").stdout.strip()
    public = {"RUNLOG_PUBLIC_URL": "https://runlog.example.com/"}
    assert f"page: https://runlog.example.com/runs/{run_id}\n" in runlog("show", run_id, **public).stdout
    assert runlog("runs", **public).stdout.endswith("Each in full: https://runlog.example.com/runs\n")
    for unset in (runlog("show", run_id), runlog("runs"), runlog("runs", "--json", **public)):
        assert "/runs" not in unset.stdout


def test_a_beginning_of_several_ids_names_them(server: str) -> None:
    ids = [runlog("report", "scout", "success").stdout.strip() for _ in range(17)]
    digit = next(first[0] for first in ids if sum(each[0] == first[0] for each in ids) > 1)
    done = runlog("show", digit)
    assert done.returncode == 1
    assert done.stderr.startswith(f"runlog: several runs' ids begin with {digit}: ")
    missing = runlog("show", "00000000-0000")
    assert (missing.returncode, "no run's id begins with" in missing.stderr) == (1, True)
    assert runlog("show", "nonsense").returncode == 2


def test_an_empty_list_says_so(server: str) -> None:
    done = runlog("runs", "--agent", "nobody-yet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "No such runs.\n", "")


@pytest.mark.parametrize("columns", ["80", "60"])
def test_no_id_and_no_name_is_cut_on_a_narrow_terminal(server: str, columns: str) -> None:
    agent = "nightly-reconciliation-of-invoices-" + columns
    run_id = runlog("report", agent, "partial", "--summary", "größe 漢字 😀 " * 20).stdout.strip()
    with patch("app.cli.runs.console", lambda: Console(width=int(columns))):
        shown = runlog("runs", "--agent", agent).stdout
    assert run_id[:13] in shown
    assert "partial" in shown
    lines = [line.removeprefix(run_id[:13]).replace("just now", "") for line in shown.splitlines()[1:]]
    # The summary may stand below.
    assert "".join(line.split()[0] for line in lines).startswith(agent)


def test_a_terminal_of_another_character_set_is_no_error(server: str) -> None:
    runlog("report", "aurora", "success", "--summary", "größe 漢字")
    # By the server, for which a start loads the least.
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    for encoding, options in (("latin-1", ()), ("ascii", ("--json",))):
        done = subprocess.run(
            [*RUNLOG, "runs", "--agent", "aurora", *options],
            env={**env, "PYTHONIOENCODING": encoding},
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"aurora" in done.stdout
