"""`runlog report` as shells and schedulers use it; the server only listens."""

from pathlib import Path

import pytest

from app.cli import sending
from support.processes import called, free_port
from support.reporting import Shell


def test_report_keeps_numbers_as_they_were_written(shell: Shell) -> None:
    numbers = ("1.00000000000000000001", "1E+400", "9" * 5000)
    actions = '{"numbers": [' + ", ".join(numbers) + "]}"
    assert shell.called("report", "a", "success", "--actions", actions).returncode == 0
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
    assert shell.called("report", "a", "success").returncode == 0
    assert shell.listener.requests == [(f"/gr%C3%B6%C3%9Fe{RUNS}", "Basic YWRhOnBAc3M=")]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_report_by_a_proxy(shell: Shell, variable: str) -> None:
    shell.env |= {variable: shell.env["RUNLOG_URL"], "RUNLOG_URL": "http://log.invalid"}
    assert shell.called("report", "a", "success").returncode == 0
    assert shell.listener.requests == [(f"http://log.invalid{RUNS}", None)]


def test_report_goes_past_the_proxy_to_a_host_without_one(shell: Shell) -> None:
    shell.env |= {"HTTP_PROXY": "http://proxy.invalid", "NO_PROXY": "127.0.0.1"}
    assert shell.called("report", "a", "success").returncode == 0
    assert shell.listener.requests == [(RUNS, None)]


def test_report_is_not_redirected(shell: Shell) -> None:
    shell.listener.statuses = [307]
    done = shell.called("report", "a", "success")
    assert done.returncode == 1
    reason = f"{shell.env['RUNLOG_URL']}: the server answered 307"
    assert done.stderr == f"runlog: the run is kept and sent later: {reason}\n"
    assert len(shell.listener.requests) == 1


def test_report_prints_the_id_of_the_run(shell: Shell) -> None:
    shell.listener.headers["Run-Id"] = "0197f7a0-0000-7000-8000-000000000000"
    done = shell.called("report", "a", "success")
    assert (done.returncode, done.stdout) == (0, "0197f7a0-0000-7000-8000-000000000000\n")


def test_every_report_has_a_key_of_its_own_unless_one_is_given(shell: Shell) -> None:
    for options in ((), (), ("--idempotency-key", "nightly-17")):
        assert shell.called("report", "a", "success", *options).returncode == 0
    first, second, given = shell.listener.keys
    assert first
    assert second
    assert first != second
    assert given == "nightly-17"


def test_report_comes_back_no_sooner_than_it_is_asked_to(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(sending.time, "sleep", slept.append)
    shell.listener.statuses = [503, 204]
    shell.listener.headers = {"Retry-After": "7"}
    assert called("report", "a", "success", RUNLOG_URL=shell.env["RUNLOG_URL"]).returncode == 0
    assert max(slept) > 6


def test_report_keeps_the_run_in_the_end_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(sending.time, "sleep", slept.append)
    monkeypatch.setattr(sending.time, "monotonic", lambda: sum(slept))
    url = f"http://127.0.0.1:{free_port()}"
    done = called("report", "a", "success", RUNLOG_URL=url)
    assert (done.returncode, done.stdout) == (0, "")
    reason = f"{url}: the server does not answer: Connection refused"
    assert done.stderr.startswith(f"runlog: the run is kept and sent later: {reason} (after ")
    assert sending.RETRY_SECONDS - 6 < sum(slept) <= sending.RETRY_SECONDS


def test_report_gives_up_at_once_where_it_is_refused(shell: Shell) -> None:
    shell.listener.statuses = [422]
    assert shell.called("report", "a", "success").returncode == 1
    assert len(shell.listener.sent) == 1
