"""`runlog exec` as shells and schedulers use it; the server only listens."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from support.processes import RUNLOG
from support.reporting import Shell

UNTIL_TERMINATED = "trap 'echo ending; exit 9' TERM; echo started; while :; do sleep 0.05; done"


def test_exec_keeps_the_streams_apart_and_the_bytes_as_they_are(shell: Shell) -> None:
    done = shell.runlog("exec", "--agent", "a", "--", "sh", "-c", r"printf '\377\0'; printf err >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"\xff\0", b"err")
    assert json.loads(shell.sent)["status"] == "failed"
    assert shell.actions["exit_code"] == 3
    assert sorted(shell.actions["output_tail"]) == sorted("\ufffderr")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_exec_hands_the_signal_on_and_reports(shell: Shell, number: signal.Signals) -> None:
    command = UNTIL_TERMINATED.replace("TERM", number.name.removeprefix("SIG"))
    # What a process was started to ignore, as under nohup, a shell cannot trap.
    listening = partial(signal.signal, number, signal.SIG_DFL)
    process = shell.start("exec", "--agent", "a", "--", "sh", "-c", command, preexec_fn=listening)
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == b"started\n"
        process.send_signal(number)
        assert process.stdout.read() == b"ending\n"
    assert process.returncode == 9
    assert shell.actions["exit_code"] == 9


def test_exec_reports_after_ctrl_c(shell: Shell) -> None:
    command = ("exec", "--agent", "a", "--", "sh", "-c", "echo started; exec sleep 30")
    process = shell.start(*command, start_new_session=True)
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == b"started\n"
        os.killpg(process.pid, signal.SIGINT)
    assert process.returncode == 128 + signal.SIGINT
    assert json.loads(shell.sent)["status"] == "failed"


def test_exec_reports_when_nobody_reads_any_more(shell: Shell) -> None:
    endless = "while echo line; do :; done"
    process = shell.start("exec", "--agent", "a", "--", "sh", "-c", endless)
    assert process.stdout is not None
    assert process.stdout.readline() == b"line\n"
    process.stdout.close()
    assert process.wait(120) == 128 + signal.SIGPIPE
    assert json.loads(shell.sent)["status"] == "failed"


def test_exec_without_a_stdout(shell: Shell) -> None:
    command = " ".join([*RUNLOG, "exec", "--agent", "a", "--", "echo", "hi", ">&-"])
    assert subprocess.run(["sh", "-c", command], env=shell.env, check=False).returncode == 0
    assert shell.actions["output_tail"] == "hi"


def test_exec_of_a_name_that_is_no_utf_8(shell: Shell, tmp_path: Path) -> None:
    program = os.fsencode(tmp_path) + b"/c\xff"
    Path(os.fsdecode(program)).symlink_to("/bin/pwd")
    assert shell.runlog("exec", "--agent", "a", "--", program).returncode == 0
    assert shell.actions["command"] == "c\ufffd"


def test_exec_ends_with_its_command_and_not_with_what_that_left_behind(shell: Shell) -> None:
    left = "sleep 600 & echo $! $$; echo warned >&2"
    done = shell.runlog("exec", "--agent", "a", "--", "sh", "-c", left)
    sleeper, command = map(int, done.stdout.split())
    os.kill(sleeper, signal.SIGKILL)  # it was still there
    assert (done.returncode, done.stderr) == (0, b"warned\n")
    assert shell.actions["output_tail"] == f"{sleeper} {command}\nwarned"


def test_exec_passes_on_all_that_its_command_wrote_before_it_ended(shell: Shell) -> None:
    # More than a pipe holds, to a reader who begins late, while another process keeps the pipe open.
    code = "import os, subprocess; p = subprocess.Popen(['sleep', '600']); os.write(2, b'%d\\n' % p.pid)"
    code += "; os.write(1, b'x' * 70000 + b'end')"
    process = shell.start("exec", "--agent", "a", "--", sys.executable, "-c", code, stderr=subprocess.PIPE)
    assert process.stderr is not None
    with process:
        sleeper = int(process.stderr.readline())
        out = process.stdout.read() if process.stdout else b""
    os.kill(sleeper, signal.SIGKILL)
    assert len(out) == 70_003
    assert out.endswith(b"xend")


def test_exec_reports_a_command_that_ignores_the_signal_to_end(shell: Shell) -> None:
    stubborn = "trap '' TERM; echo $$; while :; do sleep 0.05; done"
    process = shell.start("exec", "--agent", "a", "--", "sh", "-c", stubborn)
    assert process.stdout is not None
    with process:
        command = int(process.stdout.readline())
        process.terminate()
        process.wait(120)
        os.kill(command, signal.SIGKILL)  # it was still there
    assert process.returncode == 128 + signal.SIGTERM
    assert json.loads(shell.sent)["status"] == "failed"
    assert shell.actions["summary"] == "sh did not end at SIGTERM"


def test_exec_ends_a_command_that_was_stopped(shell: Shell) -> None:
    process = shell.start("exec", "--agent", "a", "--", "sh", "-c", "echo $$; kill -STOP $$; exit 3")
    assert process.stdout is not None
    with process:
        process.stdout.readline()
        process.terminate()
    assert process.returncode == 128 + signal.SIGTERM
    assert shell.actions["exit_code"] == 128 + signal.SIGTERM


def test_exec_hands_on_what_does_not_ask_it_to_end(shell: Shell) -> None:
    command = UNTIL_TERMINATED.replace("TERM", "USR1")
    process = shell.start("exec", "--agent", "a", "--", "sh", "-c", command)
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == b"started\n"
        process.send_signal(signal.SIGUSR1)
    assert process.returncode == 9
    assert shell.actions["exit_code"] == 9


def test_exec_heeds_a_signal_while_it_reports(shell: Shell) -> None:
    shell.listener.statuses = [503]
    shell.listener.headers = {"Retry-After": "20"}
    process = shell.start("exec", "--agent", "a", "--", "sh", "-c", "exit 3", stderr=subprocess.PIPE)
    with process:
        while not shell.listener.sent:
            assert process.poll() is None
        process.terminate()
        assert process.stderr is not None
        assert process.stderr.read() == (
            b"runlog: the run is kept and sent later: SIGTERM came before the server had answered\n"
        )
    assert process.returncode == 3
    assert len(shell.listener.sent) == 1


@pytest.mark.parametrize("script", ["true", "echo; echo ' '", "printf '\\033[0m'"])
def test_exec_of_a_command_that_says_nothing_reports_nothing(shell: Shell, script: str) -> None:
    assert shell.runlog("exec", "--agent", "a", "--", "sh", "-c", script).returncode == 0
    assert shell.actions == {}


def test_exec_of_a_quiet_reply_reports_that_alone(shell: Shell) -> None:
    assert shell.runlog("exec", "--agent", "a", "--", "echo", "HEARTBEAT_OK").returncode == 0
    assert shell.actions == {"summary": "HEARTBEAT_OK"}


def test_exec_of_a_command_that_fails_without_a_word_says_so(shell: Shell) -> None:
    assert shell.runlog("exec", "--agent", "a", "--", "sh", "-c", "exit 3").returncode == 3
    assert shell.actions["summary"] == "sh failed with exit code 3"


def test_exec_has_the_exception_of_a_traceback_as_summary(shell: Shell) -> None:
    code = "print('starting'); raise ValueError('no invoice 17\\nat all')"
    assert shell.runlog("exec", "--agent", "a", "--", sys.executable, "-c", code).returncode == 1
    assert shell.actions["summary"] == "ValueError: no invoice 17"


def test_exec_sends_its_run_again_by_the_same_key(shell: Shell) -> None:
    shell.listener.statuses = [503, None, 502, 204]
    done = shell.runlog("exec", "--agent", "a", "--", "echo", "hi")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hi\n", b"")
    assert len(shell.listener.sent) == 4
    assert len(set(shell.listener.sent)) == len(set(shell.listener.keys)) == 1
    assert shell.listener.keys[0]
