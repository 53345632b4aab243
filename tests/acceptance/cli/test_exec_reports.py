"""What `runlog exec` reports of a command, and what it hands to it; the server only listens."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.processes import RUNLOG, eventually
from support.reporting import Shell

RUNS = "/api/v1/internal/agent-run-log"
START = "/api/v1/internal/agent-run-start"
MOST_MEMORY = 50 * 1024**2
# Runs the command of its arguments, and prints its exit code and the most memory that it took, in bytes.
MEASURING = """
import os, sys
out = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
_, status, used = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=out), 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss * 1024)
"""


def exec_sh(shell: Shell, script: str, *options: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a script by `runlog exec` to its end."""
    return shell.runlog("exec", "--agent", "a", *options, "--", "sh", "-c", script)


def status(shell: Shell) -> str:
    """The status of the one run that was reported."""
    return str(json.loads(shell.sent)["status"])


def test_the_run_has_its_source_its_times_and_the_key_that_its_command_has(shell: Shell) -> None:
    done = exec_sh(shell, 'echo "$RUNLOG_RUN_KEY $RUNLOG_AGENT_ID $RUNLOG_URL"')
    run = json.loads(shell.sent)
    key, agent, url = done.stdout.decode().split()
    assert (agent, url) == ("a", shell.env["RUNLOG_URL"])
    assert run["run_key"] == shell.listener.keys[0] == key
    assert run["source"] == "exec"
    assert run["started_at"] < run["finished_at"]


def test_a_key_is_given_or_of_the_run_under_way(shell: Shell) -> None:
    exec_sh(shell, "true", "--key", "nightly-17")
    shell.env |= {"RUNLOG_RUN_KEY": "openclaw:1:2"}
    exec_sh(shell, "true")
    shell.env |= {"RUNLOG_AGENT_ID": "somebody else"}
    exec_sh(shell, "true")
    given, under_way, own = shell.listener.keys
    assert (given, under_way) == ("nightly-17", "openclaw:1:2")
    assert own not in (None, "openclaw:1:2")


def test_an_exec_within_another_is_a_run_of_its_own(shell: Shell) -> None:
    inner = " ".join(
        [*RUNLOG, "exec", "--agent", "a", "--", "sh", "-c", "'echo in; echo {} > $RUNLOG_ACTIONS_FILE'"]
    )
    assert exec_sh(shell, f"{inner}; {inner}; echo out").returncode == 0
    assert len(set(shell.listener.keys)) == 3


def test_the_summary_that_is_given_counts(shell: Shell) -> None:
    exec_sh(shell, "echo last line", "--summary", "Nightly backup")
    assert shell.actions["summary"] == "Nightly backup"
    assert shell.actions["output_tail"] == "last line"


def test_credentials_are_masked_before_they_leave_the_machine(shell: Shell) -> None:
    exec_sh(
        shell,
        """echo 'DB_PASSWORD=hunter2hunter2'; echo '{"token": "ghp_16C7e42F292c6912E7710c838347Ae178B4a"}'""",
    )
    assert b"hunter2" not in shell.sent
    assert b"ghp_16" not in shell.sent


def test_the_last_object_on_stdout_is_what_it_did(shell: Shell) -> None:
    printed = r'{"n": 1}\n{\n  "summary": "Did",\n  "n": 1.00000000000000000001\n}\n'
    exec_sh(shell, f"printf '{printed}'; echo bye; echo '{{\"no\": 1}}' >&2")
    assert shell.actions["summary"] == "Did"
    assert b'"n":1.00000000000000000001' in shell.sent
    assert shell.actions["exit_code"] == 0
    assert "bye" in shell.actions["output_tail"]


def test_an_object_that_no_server_takes_stays_text(shell: Shell) -> None:
    done = exec_sh(shell, """echo '{"a": NaN}'""")
    assert (
        done.stderr == b"runlog: the JSON object on stdout was not reported as such: NaN is not valid JSON\n"
    )
    assert shell.actions["output_tail"] == '{"a": NaN}'


def test_an_object_that_is_too_long_stays_text(shell: Shell) -> None:
    code = "print('{\"a\": \"' + 'x' * 200_000 + '\"}')"
    done = shell.runlog("exec", "--agent", "a", "--", sys.executable, "-c", code)
    assert done.stderr == (
        b"runlog: the JSON object on stdout was not reported as such: it is longer than 128 KiB\n"
    )
    assert shell.actions["output_tail"].endswith('xx"}')


def test_the_object_in_a_file_is_what_it_did(shell: Shell) -> None:
    done = exec_sh(
        shell, """echo $RUNLOG_ACTIONS_FILE; echo '{"files": 3}' >"$RUNLOG_ACTIONS_FILE"; echo '{"no": 1}'"""
    )
    assert shell.actions["files"] == 3
    assert "no" not in shell.actions
    assert not Path(done.stdout.decode().split()[0]).parent.exists()


def test_a_file_that_is_given_counts_once_it_is_written(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "did.json"
    path.write_text('{"old": 1}')
    shell.env["RUNLOG_ACTIONS_FILE"] = str(path)
    exec_sh(shell, "true")
    exec_sh(shell, 'echo \'{"new": 1}\' >"$RUNLOG_ACTIONS_FILE"')
    old, new = (json.loads(run)["actions_taken"] for run in shell.listener.sent)
    assert old == {}
    assert new["new"] == 1
    assert path.exists()


@pytest.mark.parametrize(
    ("write", "reason", "text"),
    [
        ("printf '{\"half\": ' >", b"Expecting value", '{"half":'),
        ("echo '[1]' >", b"it is no JSON object", "[1]"),
        ("head -c 300000 /dev/zero | tr '\\0' x >", b"it is longer than 128 KiB", "x" * 2000),
        ("mkfifo", b"it is no file", ""),
    ],
)
def test_a_file_without_an_object_loses_nothing(shell: Shell, write: str, reason: bytes, text: str) -> None:
    done = exec_sh(shell, f'{write} "$RUNLOG_ACTIONS_FILE"; echo done')
    assert reason in done.stderr
    assert shell.actions["summary"] == "done"
    assert shell.actions["actions_file"] == text


def test_a_killed_command_says_by_what(shell: Shell) -> None:
    assert exec_sh(shell, "echo working; kill -KILL $$").returncode == 128 + signal.SIGKILL
    assert status(shell) == "failed"
    assert shell.actions["summary"] == "sh was killed by SIGKILL"
    assert shell.actions["exit_code"] == 137
    assert shell.actions["output_tail"] == "working"


def test_a_command_that_takes_too_long_is_ended_with_all_its_processes(shell: Shell) -> None:
    done = exec_sh(shell, "sleep 600 & echo $!; sleep 600", "--timeout", "1s")
    sleeper = int(done.stdout)
    assert done.returncode == 124
    assert status(shell) == "failed"
    assert shell.actions["summary"] == "sh timed out after 1 s"
    assert shell.actions["exit_code"] == 124
    assert eventually(lambda: has_ended(sleeper))


def test_what_ignores_the_end_of_its_time_is_killed(shell: Shell) -> None:
    done = exec_sh(shell, "trap '' TERM; sleep 600 & echo $!; wait", "--timeout", "1s")
    sleeper = int(done.stdout)
    assert (done.returncode, shell.actions["error"]) == (124, "timed out after 1 s")
    assert eventually(lambda: has_ended(sleeper))


def test_what_is_in_time_is_let_be(shell: Shell) -> None:
    assert exec_sh(shell, "echo hi; exit 3", "--timeout", "10m").returncode == 3
    assert shell.actions["exit_code"] == 3


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or but a zombie that nobody waits for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_start_is_signalled_first_and_never_matters(shell: Shell) -> None:
    shell.listener.statuses = [404, 204]
    assert exec_sh(shell, "echo hi", "--started").returncode == 0
    assert [path for path, _ in shell.listener.requests] == [START, RUNS]
    start, run = map(json.loads, shell.listener.sent)
    assert start == {"agent_id": "a", "run_key": run["run_key"], "started_at": run["started_at"]}


def test_the_key_of_a_start_is_the_one_of_the_report(shell: Shell) -> None:
    script = "export RUNLOG_RUN_KEY=$({0} start sage) && {0} report sage success && {0} report nova success"
    env = shell.env | {"RUNLOG_AGENT_ID": "sage"}
    subprocess.run(["sh", "-ec", script.format(" ".join(RUNLOG))], env=env, check=True)
    start, sage, nova = map(json.loads, shell.listener.sent)
    assert start["agent_id"] == "sage"
    assert start["run_key"] == sage["run_key"] != nova["run_key"]


def test_a_start_that_is_not_recorded_is_a_note(shell: Shell) -> None:
    shell.listener.statuses = [404]
    done = shell.called("start", "sage", "--key", "k1")
    assert (done.returncode, done.stdout) == (0, "k1\n")
    assert done.stderr.startswith("runlog: the start was not recorded: ")


@pytest.mark.parametrize("endless", ["head -c 100000000 /dev/zero", "yes '{\"a\": 1}' | head -c 100000000"])
def test_much_output_passes_through_in_bounded_memory(shell: Shell, endless: str) -> None:
    runlog = str(Path(sys.executable).parent / "runlog")
    command = [
        sys.executable,
        "-S",
        "-c",
        MEASURING,
        runlog,
        "exec",
        "--agent",
        "a",
        "--",
        "sh",
        "-c",
        endless,
    ]
    done = subprocess.run(command, env=shell.env, check=True, capture_output=True, text=True)
    code, memory = map(int, done.stdout.split())
    assert code == 0
    assert memory < MOST_MEMORY
    assert status(shell) == "success"


def test_every_byte_of_much_output_arrives(shell: Shell) -> None:
    process = shell.start("exec", "--agent", "a", "--", "sh", "-c", "seq 1 2000000")
    with process:
        assert process.stdout is not None
        lines = sum(1 for _ in process.stdout)
    assert (process.returncode, lines) == (0, 2_000_000)
    assert shell.actions["summary"] == "2000000"


CLAUDE = """#!/bin/sh
cat <<RESULT
{"type":"result","subtype":"success","is_error":${IS_ERROR},"duration_ms":2100,"num_turns":3,
"result":"Rotated 3 log files","session_id":"0d9bc0de","total_cost_usd":0.12,"usage":{"input_tokens":9}}
RESULT
""".replace(",\n", ",")


@pytest.mark.parametrize(("is_error", "expected"), [("false", "success"), ("true", "failed")])
def test_the_result_of_claude_decides(shell: Shell, tmp_path: Path, is_error: str, expected: str) -> None:
    claude = tmp_path / "claude"
    claude.write_text(CLAUDE)
    claude.chmod(0o755)
    shell.env |= {"PATH": f"{tmp_path}:{os.environ['PATH']}", "IS_ERROR": is_error}
    prompt = "a prompt that stays with us"
    done = shell.runlog("exec", "--agent", "a", "--", "claude", "-p", prompt, "--output-format", "json")
    assert done.returncode == 0
    assert status(shell) == expected
    assert shell.actions["summary"] == "Rotated 3 log files"
    assert shell.actions["total_cost_usd"] == 0.12
    assert "output_tail" not in shell.actions
    assert prompt.encode() not in shell.sent
