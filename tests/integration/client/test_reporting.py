"""What becomes of a report, whatever the server answers and whatever the process does meanwhile."""

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agent_run_log import State, _courier, areport_run, flush, report_run
from agent_run_log._entry import Entry
from agent_run_log._spool import Spool
from support.processes import eventually
from support.reporting import Listener

AWAY = "http://127.0.0.1:9"
HANGS: int | None = None


def bodies(listener: Listener) -> list[Any]:
    return [json.loads(body) for body in listener.sent]


def summaries(listener: Listener) -> list[str]:
    return [body["actions_taken"]["summary"] for body in bodies(listener)]


def waiting(spool: Spool) -> int:
    return len(list((spool.directory / "queue").glob("*"))) if spool.directory.exists() else 0


def test_a_report_is_one_post(listener: Listener, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNLOG_TOKEN", "secret")
    report = report_run("sage", "success", {"summary": "did it"}, run_key="key", source="cron")
    assert (report.state, report.run_id, report.run_key) == (State.DELIVERED, "an-id", "key")
    assert (report.delivered, report.spooled, report.rejected) == (True, False, False)
    assert bodies(listener) == [
        {"agent_id": "sage", "status": "success", "actions_taken": {"summary": "did it"}, "source": "cron"}
    ]
    assert listener.requests == [("/api/v1/internal/agent-run-log", "Bearer secret")]
    assert listener.keys == ["key"]
    assert not spool.directory.exists()


@pytest.mark.parametrize("answer", [429, 502, 503, 504, None])
def test_what_may_be_tried_again_is_tried_with_the_same_key(listener: Listener, answer: int | None) -> None:
    listener.statuses = [answer, answer, 204]
    assert report_run("sage", "success", timeout=60).delivered
    assert len(set(listener.keys)) == 1
    assert len(listener.keys) == 3


def test_a_report_that_the_server_refuses_is_set_aside_and_not_sent_again(
    listener: Listener, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    listener.statuses = [422]
    report = report_run("sage", "wrong")  # type: ignore[arg-type]
    assert (report.state, report.reason) == (State.REJECTED, "the server answered 422")
    assert len(listener.sent) == 1
    (kept,) = (spool.directory / "rejected").glob("*.run")
    assert Entry.decode(kept.read_bytes()).body == listener.sent[0]
    assert "the report of a run of sage was rejected: the server answered 422" in caplog.text


@pytest.mark.parametrize("answer", [200, 302, 401, 404, 500])
def test_an_answer_that_says_nothing_of_the_report_keeps_it(
    listener: Listener, spool: Spool, answer: int
) -> None:
    listener.statuses = [answer, 204]
    report = report_run("sage", "success", timeout=60)
    assert (report.state, report.reason) == (State.SPOOLED, f"the server answered {answer}")
    assert flush().delivered == 1
    assert waiting(spool) == 0


def test_reports_wait_while_the_server_is_away_and_go_before_the_next(
    listener: Listener, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        report = report_run("sage", "success", {"summary": str(number)}, url=AWAY, timeout=0.3)
        assert report.spooled
    assert "was spooled: the server does not answer" in caplog.text
    report = report_run("sage", "success", {"summary": "3"}, timeout=60)
    assert (report.delivered, report.run_id) == (True, "an-id")
    assert summaries(listener) == ["0", "1", "2", "3"]
    assert waiting(spool) == 0


def test_a_report_that_waits_and_is_refused_later_blocks_no_other(listener: Listener, spool: Spool) -> None:
    report_run("sage", "success", {"summary": "refused"}, url=AWAY, timeout=0)
    listener.statuses = [422, 204]
    assert report_run("sage", "success", {"summary": "taken"}, timeout=60).delivered
    assert len(list((spool.directory / "rejected").glob("*.run"))) == 1


def test_the_report_itself_may_be_the_refused_one(listener: Listener) -> None:
    report_run("sage", "success", {"summary": "taken"}, url=AWAY, timeout=0)
    listener.statuses = [204, 422]
    report = report_run("sage", "success", {"summary": "refused"}, timeout=60)
    assert (report.state, report.reason) == (State.REJECTED, "the server answered 422")


def test_flush_says_what_is_left(listener: Listener) -> None:
    report_run("sage", "success", url=AWAY, timeout=0)
    listener.statuses = [503]
    delivery = flush()
    assert (delivery.delivered, delivery.left, delivery.reason) == (0, 1, "the server answered 503")
    listener.statuses = [204]
    assert flush().delivered == 1
    assert flush().left == 0


def test_a_thread_delivers_what_is_spooled(
    listener: Listener, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_courier, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(_courier, "LONGEST_PAUSE_SECONDS", 0.02)
    listener.statuses = [503, 503, 503, 204]
    for number in range(2):
        assert report_run("sage", "success", {"summary": str(number)}, timeout=0).spooled
    assert eventually(lambda: waiting(spool) == 0)
    assert summaries(listener) == ["0", "0", "0", "0", "1"]
    assert eventually(lambda: "agent-run-log-courier" not in {each.name for each in threading.enumerate()})
    listener.sent.clear()
    assert report_run("sage", "success", {"summary": "2"}, timeout=0).spooled
    assert eventually(lambda: waiting(spool) == 0)


def test_a_process_that_ends_tries_once_more(listener: Listener, spool: Spool) -> None:
    code = "import agent_run_log as a; print(a.report_run('sage', 'success', timeout=0).state.value)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, waiting(spool)) == ("spooled\n", 0)
    assert len(listener.sent) == 1


def test_a_report_at_the_very_end_of_a_process_is_sent(listener: Listener) -> None:
    code = "import atexit, agent_run_log as a; atexit.register(a.report_run, 'sage', 'success')"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert len(listener.sent) == 1


def test_an_interrupt_while_the_server_hangs_loses_no_report(
    listener: Listener, spool: Spool, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hangs:
        env = {**os.environ, "RUNLOG_URL": f"http://127.0.0.1:{hangs.getsockname()[1]}"}
        code = "import agent_run_log as a; a.report_run('sage', 'success', timeout=600)"
        with subprocess.Popen([sys.executable, "-c", code], env=env, stderr=subprocess.PIPE) as process:
            hangs.accept()
            process.send_signal(signal.SIGINT)
            assert b"KeyboardInterrupt" in process.communicate(timeout=120)[1]
    assert waiting(spool) == 1
    assert flush().delivered == 1


def test_a_server_that_never_ends_its_answer_is_waited_for_no_longer_than_asked(spool: Spool) -> None:
    is_over = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 204 No Content\r\n")
            while not is_over.wait(0.05):
                connection.sendall(b"X: y\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,), daemon=True)
        thread.start()
        report = report_run("sage", "success", url=f"http://127.0.0.1:{server.getsockname()[1]}", timeout=3)
        is_over.set()
        thread.join(60)
    assert (report.state, waiting(spool)) == (State.SPOOLED, 1)
    assert report.reason.startswith("the server does not answer: no answer within ")


@pytest.mark.parametrize(
    "url", ["ftp://runs.example", "runs.example", "http://", "http://[::1", "http://a b"]
)
def test_an_address_that_is_none_keeps_the_report(spool: Spool, url: str) -> None:
    assert report_run("sage", "success", url=url, timeout=0.5).spooled
    assert waiting(spool) == 1


def test_without_a_spool_a_report_can_be_lost_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RUNLOG_SPOOL_DIR", str(tmp_path / "file/spool"))
    report = report_run("sage", "success", url=AWAY, timeout=0.1)
    assert report.state is State.LOST
    assert "cannot be used" in report.reason
    assert "the report of a run of sage was lost" in caplog.text
    assert flush().left == 0


def test_a_full_disk_costs_no_report_while_the_server_is_there(listener: Listener, spool: Spool) -> None:
    assert report_run("sage", "success", {"summary": "first"}, url=AWAY, timeout=0).spooled
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        assert (
            report_run("sage", "success", {"summary": "second" * 100}, url=AWAY, timeout=0).state
            is State.LOST
        )
        assert report_run("sage", "success", {"summary": "third" * 100}, timeout=60).delivered
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert flush().delivered == 1
    assert summaries(listener) == ["third" * 100, "first"]


def test_a_full_disk_of_its_own(listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system of the test's own")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        monkeypatch.setenv("RUNLOG_SPOOL_DIR", str(disk))
        states = [
            report_run("sage", "success", {"summary": f"{number} {'x' * 5000}"}, url=AWAY, timeout=0).state
            for number in range(20)
        ]
        kept = states.count(State.SPOOLED)
        assert 0 < kept < 20
        assert states == [State.SPOOLED] * kept + [State.LOST] * (20 - kept)
        assert flush().delivered == kept
        assert [summary.split()[0] for summary in summaries(listener)] == [str(n) for n in range(kept)]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_report_without_an_agent_is_rejected_at_once(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    report = report_run(None, "success", {"summary": "did it"})
    assert report.rejected
    assert report.reason == "no agent_id was given, and RUNLOG_AGENT_ID is not set"
    assert len(list((spool.directory / "rejected").glob("*.run"))) == 1


def test_the_environment_names_the_agent_and_its_run(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNLOG_AGENT_ID", "nova")
    monkeypatch.setenv("RUNLOG_RUN_KEY", "nova's-run")
    for agent in ("sage", None, "nova"):
        assert report_run(agent, "success").delivered
    assert [body["agent_id"] for body in bodies(listener)] == ["sage", "nova", "nova"]
    assert listener.keys[1] == "nova's-run"
    assert listener.keys.count("nova's-run") == 1


def test_a_run_that_another_process_has_reported_otherwise_is_not_recorded_again(
    listener: Listener, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNLOG_RUN_KEY", "reported")
    detail = {"detail": [{"loc": ["header", "Idempotency-Key"], "msg": "this key was used"}]}
    listener.statuses, listener.bodies = [422], [json.dumps(detail).encode()]
    report = report_run("sage", "success")
    assert report.rejected
    assert "this key was used" in (report.reason or "")
    assert listener.keys == ["reported"]
    assert len(list((spool.directory / "rejected").glob("*.run"))) == 1


def test_many_threads_report_at_once(listener: Listener) -> None:
    with ThreadPoolExecutor(16) as pool:
        reports = list(pool.map(lambda n: report_run("sage", "success", {"n": n}, timeout=60), range(100)))
    assert all(report.delivered for report in reports)
    assert sorted(body["actions_taken"]["n"] for body in bodies(listener)) == list(range(100))


def test_a_child_that_was_forked_reports_and_spools_for_itself(listener: Listener, spool: Spool) -> None:
    code = f"""
import os, sys, time
from agent_run_log import flush, report_run
assert report_run("sage", "success", {{"summary": "before"}}).delivered
assert report_run("sage", "success", {{"summary": "spooled"}}, url="{AWAY}", timeout=0).spooled
child = os.fork()
if child == 0:
    assert report_run("nova", "success", {{"summary": "child"}}, url="{AWAY}", timeout=0).spooled
    assert flush(60).left == 0
    assert report_run("nova", "success", {{"summary": "child's next"}}).delivered
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert report_run("sage", "success", {{"summary": "after"}}).delivered
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert summaries(listener) == ["before", "spooled", "child", "child's next", "after"]


def test_a_coroutine_reports_while_the_loop_goes_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hangs:
        url = f"http://127.0.0.1:{hangs.getsockname()[1]}"

        async def work() -> State:
            report = asyncio.create_task(areport_run("sage", "success", url=url, timeout=1))
            turns = 0
            while not report.done():
                await asyncio.sleep(0.01)
                turns += 1
            assert turns > 1
            return report.result().state

        assert asyncio.run(work()) is State.SPOOLED


def test_a_coroutine_that_is_cancelled_loses_no_report(listener: Listener, spool: Spool) -> None:
    async def work() -> None:
        report = asyncio.create_task(areport_run("sage", "success", {"summary": "kept"}, timeout=60))
        await asyncio.sleep(0)
        report.cancel()
        with pytest.raises(asyncio.CancelledError):
            await report

    listener.statuses = [503, 204]
    asyncio.run(work())
    assert eventually(lambda: summaries(listener) == ["kept", "kept"])


def test_many_coroutines_report_at_once(listener: Listener) -> None:
    async def work() -> list[State]:
        reports = await asyncio.gather(*(areport_run("sage", "success", {"n": n}) for n in range(50)))
        return [report.state for report in reports]

    assert asyncio.run(work()) == [State.DELIVERED] * 50


def test_a_report_that_waits_for_nothing_is_left_to_the_thread(listener: Listener, spool: Spool) -> None:
    code = """
import sys
from agent_run_log import _courier, report_run
_courier.FIRST_PAUSE_SECONDS = 3600
assert report_run("sage", "success", timeout=0).spooled
assert report_run("sage", "success", timeout=0).spooled
assert "httpx" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert (len(listener.sent), waiting(spool)) == (2, 0)


def test_httpx_is_loaded_by_the_first_report_alone(listener: Listener) -> None:
    code = """
import sys
from agent_run_log import report_run
assert "httpx" not in sys.modules
assert report_run("sage", "success").delivered
assert "httpx" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
