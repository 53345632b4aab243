"""`runlog report` and `runlog exec` as shells and schedulers use them; the server only listens."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.processes import RUNLOG, called

UNTIL_TERMINATED = "trap 'echo ending; exit 9' TERM; echo started; while :; do sleep 0.05; done"


class Listener(ThreadingHTTPServer):
    """Takes every run, and keeps it as it was sent, with each request's path and authorization."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.requests: list[tuple[str, str | None]] = []
        self.status = 204
        super().__init__(("127.0.0.1", 0), _Recording)


class _Recording(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        self.server.sent.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, self.headers["Authorization"]))
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


class Shell:
    """A shell from which agents report to a listener."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.env = {**os.environ, "RUNLOG_URL": f"http://127.0.0.1:{listener.server_port}"}

    def runlog(self, *arguments: str | bytes) -> subprocess.CompletedProcess[bytes]:
        """Run the command to its end."""
        return subprocess.run(
            [*RUNLOG, *arguments], env=self.env, check=False, timeout=120, capture_output=True
        )

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start the command with a pipe for its stdout."""
        return subprocess.Popen([*RUNLOG, *arguments], env=self.env, stdout=subprocess.PIPE, **options)

    @property
    def sent(self) -> bytes:
        """The one run that was reported."""
        (run,) = self.listener.sent
        return run

    @property
    def actions(self) -> dict[str, Any]:
        """Its actions."""
        return dict(json.loads(self.sent)["actions_taken"])


@pytest.fixture
def shell() -> Iterator[Shell]:
    with Listener() as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield Shell(listener)
        listener.shutdown()


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
    Path(os.fsdecode(program)).symlink_to("/bin/true")
    assert shell.runlog("exec", "--agent", "a", "--", program).returncode == 0
    assert shell.actions["command"] == "c\ufffd"


def test_report_keeps_numbers_as_they_were_written(shell: Shell) -> None:
    numbers = ("1.00000000000000000001", "1E+400", "9" * 5000)
    actions = '{"numbers": [' + ", ".join(numbers) + "]}"
    assert shell.runlog("report", "a", "success", "--actions", actions).returncode == 0
    for number in numbers:
        assert number.encode() in shell.sent


def test_report_of_a_summary_that_is_no_utf_8(shell: Shell) -> None:
    assert shell.runlog("report", "a", "success", "--summary", b"caf\xe9").returncode == 0
    assert shell.actions == {"summary": "caf\ufffd"}


@pytest.mark.parametrize(
    ("actions", "reason"),
    [
        ('{"a": NaN}', "NaN"),
        (r'{"a": "\ud800"}', "surrogate"),
        ('{"a": ' + "[" * 3000 + "]" * 3000 + "}", "nested deeper"),
        ('{"a": 1e999999}', "outside what"),
        ("{", "not valid"),
        ("[]", "JSON object"),
        ("@/nonexistent", "No such file"),
    ],
)
def test_report_refuses_actions_in_a_sentence(actions: str, reason: str) -> None:
    done = called("report", "a", "success", "--actions", actions)
    assert done.returncode == 2
    assert reason in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_report_refuses_an_agent_that_is_no_text(shell: Shell) -> None:
    done = shell.runlog("report", b"\xff", "success")
    assert done.returncode == 1
    assert done.stderr == b"runlog: the agent's name is not valid UTF-8\n"


RUNS = "/api/v1/internal/agent-run-log"


def test_report_by_a_url_with_a_user_and_a_path(shell: Shell) -> None:
    shell.env["RUNLOG_URL"] = f"http://ada:p%40ss@127.0.0.1:{shell.listener.server_port}/größe/"
    assert shell.runlog("report", "a", "success").returncode == 0
    assert shell.listener.requests == [(f"/gr%C3%B6%C3%9Fe{RUNS}", "Basic YWRhOnBAc3M=")]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_report_by_a_proxy(shell: Shell, variable: str) -> None:
    shell.env |= {variable: shell.env["RUNLOG_URL"], "RUNLOG_URL": "http://log.invalid"}
    assert shell.runlog("report", "a", "success").returncode == 0
    assert shell.listener.requests == [(f"http://log.invalid{RUNS}", None)]


def test_report_goes_past_the_proxy_to_a_host_without_one(shell: Shell) -> None:
    shell.env |= {"HTTP_PROXY": "http://proxy.invalid", "NO_PROXY": "127.0.0.1"}
    assert shell.runlog("report", "a", "success").returncode == 0
    assert shell.listener.requests == [(RUNS, None)]


def test_report_is_not_redirected(shell: Shell) -> None:
    shell.listener.status = 307
    done = shell.runlog("report", "a", "success")
    assert done.returncode == 1
    assert done.stderr == f"runlog: {shell.env['RUNLOG_URL']} answered 307: Temporary Redirect\n".encode()
    assert len(shell.listener.requests) == 1
