"""The spool: order, what is kept whatever is answered, bounds, damage, and who may use it."""

import errno
import json
import os
import resource
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_run_log import SpoolError, SpoolFullError
from agent_run_log._answers import Outcome, Verdict, answered
from agent_run_log._entry import Entry
from agent_run_log._locks import locked
from agent_run_log._spool import MAX_ASIDE, Spool, default_directory

ACCEPTED = Outcome(Verdict.ACCEPTED)
UNAVAILABLE = Outcome(Verdict.UNAVAILABLE, "the server does not answer")
REFUSED = Outcome(Verdict.REFUSED, "the server answered 422: body.status: wrong")


class Server:
    """Takes what is sent, or answers as it is set to, by the body."""

    def __init__(self, answers: dict[bytes, Outcome] | None = None) -> None:
        self.taken: list[bytes] = []
        self.asked = 0
        self.answers = answers or {}

    def __call__(self, entry: Entry) -> Outcome:
        self.asked += 1
        outcome = self.answers.get(entry.body, ACCEPTED)
        if outcome.verdict is Verdict.ACCEPTED:
            self.taken.append(entry.body)
        return outcome


def entry(text: str) -> Entry:
    return Entry(text.encode(), f"key-{text}")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "state/spool")


@given(body=st.binary(max_size=200), key=st.text(min_size=1, max_size=20))
def test_an_entry_is_read_as_it_was_written(body: bytes, key: str) -> None:
    key = key.encode("utf-8", "replace").decode()
    written = Entry(body, key, datetime(2026, 11, 30, 1, 2, 3, 456, tzinfo=UTC))
    assert Entry.decode(written.encode()) == written


@given(cut=st.integers(min_value=0))
def test_a_part_of_an_entry_is_never_taken_for_one(cut: int) -> None:
    text = Entry(b'{"agent_id": "sage"}', "key").encode()
    with pytest.raises(ValueError, match="it"):
        Entry.decode(text[: cut % len(text)])


def test_reports_are_delivered_in_order_and_then_gone(spool: Spool) -> None:
    for number in range(20):
        spool.add(entry(str(number)))
    server = Server()
    delivery = spool.deliver(server)
    assert server.taken == [str(number).encode() for number in range(20)]
    assert (delivery.delivered, delivery.left, spool.is_empty()) == (20, 0, True)


def test_the_order_is_kept_when_the_clock_stands_still_or_is_set_back(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = chain([5_000, 5_000, 1_000], repeat(5_000))
    monkeypatch.setattr("time.time_ns", lambda: next(times))
    for text in "abcd":
        spool.add(entry(text))
    server = Server()
    spool.deliver(server)
    assert server.taken == [b"a", b"b", b"c", b"d"]


@pytest.mark.parametrize("answer", [UNAVAILABLE, Outcome(Verdict.UNEXPECTED, "the server answered 500")])
def test_a_server_that_is_away_stops_the_delivery_and_nothing_overtakes(
    spool: Spool, answer: Outcome
) -> None:
    for text in "abc":
        spool.add(entry(text))
    server = Server({b"b": answer})
    delivery = spool.deliver(server)
    assert (delivery.delivered, delivery.left, delivery.reason) == (1, 2, answer.reason)
    assert server.asked == 2
    server.answers.clear()
    assert spool.deliver(server).delivered == 2
    assert server.taken == [b"a", b"b", b"c"]


def test_a_connection_that_breaks_stops_the_delivery(spool: Spool) -> None:
    spool.add(entry("a"))

    def send(_: Entry) -> Outcome:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    delivery = spool.deliver(send)
    assert (delivery.left, delivery.reason) == (1, "the server does not answer: Connection refused")


def test_a_fault_of_the_sender_loses_nothing_and_frees_the_lock(spool: Spool) -> None:
    spool.add(entry("a"))

    def send(_: Entry) -> Outcome:
        raise LookupError

    with pytest.raises(LookupError):
        spool.deliver(send)
    assert spool.deliver(Server()).delivered == 1


def test_a_refused_report_is_set_aside_with_the_reason_and_blocks_no_other(spool: Spool) -> None:
    names = [spool.add(entry(text)) for text in "abc"]
    delivery = spool.deliver(Server({b"b": REFUSED}))
    assert (delivery.delivered, delivery.rejected, delivery.left) == (2, 1, 0)
    assert spool.state_of(names[1]) == "rejected"
    assert spool.reason_of(names[1]) == REFUSED.reason
    kept = spool.directory / "rejected" / names[1]
    assert Entry.decode(kept.read_bytes()).body == b"b"
    kept.rename(spool.directory / "queue" / names[1])
    assert spool.deliver(Server()).delivered == 1


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "directory"])
def test_a_corrupt_entry_is_set_aside_and_blocks_no_other(spool: Spool, damage: str) -> None:
    names = [spool.add(entry(text)) for text in "abc"]
    path = spool.directory / "queue" / names[0]
    text = path.read_bytes()
    if damage == "directory":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes({"cut": text[:-1], "changed": text[:-1] + b"x", "empty": b""}[damage])
    delivery = spool.deliver(Server())
    assert (delivery.delivered, delivery.corrupt, delivery.left) == (2, 1, 0)
    assert (spool.directory / "corrupt" / names[0]).exists()


def test_what_is_set_aside_is_bounded_and_its_end_is_logged(
    spool: Spool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_run_log._spool.MAX_ASIDE", 2)
    assert MAX_ASIDE > 2
    for number in range(4):
        spool.set_aside(entry(str(number)), "wrong")
    kept = sorted((spool.directory / "rejected").glob("*.run"))
    assert [Entry.decode(path.read_bytes()).body for path in kept] == [b"2", b"3"]
    assert len(list((spool.directory / "rejected").iterdir())) == 4
    assert caplog.text.count("was removed") == 2


@pytest.mark.parametrize("limits", [{"max_entries": 2}, {"max_bytes": 250}])
def test_a_full_spool_refuses_and_drops_nothing(tmp_path: Path, limits: dict[str, int]) -> None:
    spool = Spool(tmp_path, **limits)
    spool.add(entry("a"))
    spool.add(entry("b"))
    with pytest.raises(SpoolFullError, match="2 reports wait"):
        spool.add(entry("c"))
    assert list((tmp_path / "incoming").iterdir()) == []
    server = Server()
    spool.deliver(server)
    assert server.taken == [b"a", b"b"]
    spool.add(entry("c"))


def test_a_file_that_cannot_be_written_whole_is_no_entry(spool: Spool) -> None:
    spool.add(entry("a"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(SpoolFullError, match="cannot be used"):
            spool.add(entry("b" * 2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list((spool.directory / "incoming").iterdir()) == []
    assert spool.deliver(Server()).delivered == 1


def test_the_spool_is_private(spool: Spool) -> None:
    name = spool.add(entry("a"))
    spool.set_aside(entry("b"), "wrong")
    for directory in ("queue", "incoming", "rejected", "corrupt"):
        assert stat.S_IMODE((spool.directory / directory).stat().st_mode) == 0o700
    assert stat.S_IMODE((spool.directory / "queue" / name).stat().st_mode) == 0o600


def test_a_directory_that_cannot_be_made_is_an_error_of_the_spool(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    spool = Spool(tmp_path / "file" / "spool")
    with pytest.raises(SpoolError, match="cannot be used"):
        spool.add(entry("a"))


def test_the_spool_of_another_user_is_refused(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.add(entry("a"))
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(SpoolError, match="belongs to another user"):
        spool.add(entry("b"))


def test_a_pause_that_the_server_asks_for_is_kept_by_everyone(spool: Spool) -> None:
    spool.add(entry("a"))
    asks = Server({b"a": answered(503, {"Retry-After": "60"}, b"")})
    assert spool.deliver(asks).pause == pytest.approx(60, abs=1)
    other = Server()
    delivery = Spool(spool.directory).deliver(other, seconds=1)
    assert (other.asked, delivery.left) == (0, 1)
    assert 0 < delivery.pause < 61
    assert "pause" in delivery.reason


def test_a_short_pause_is_waited_for(spool: Spool) -> None:
    spool.add(entry("a"))
    spool.deliver(Server({b"a": Outcome(Verdict.UNAVAILABLE, "later", 0.05)}))
    assert spool.deliver(Server(), seconds=60).delivered == 1


def test_a_pause_of_a_wrong_clock_keeps_nothing_back(spool: Spool) -> None:
    spool.add(entry("a"))
    (spool.directory / "server.pause").write_text("99999999999999999999")
    assert spool.deliver(Server()).delivered == 1
    spool.add(entry("b"))
    (spool.directory / "server.pause").write_text("no number")
    assert spool.deliver(Server()).delivered == 1


def test_delivery_ends_with_the_report_that_is_asked_for(spool: Spool) -> None:
    names = [spool.add(entry(text)) for text in "abc"]
    assert spool.deliver(Server(), through=names[1]).left == 1


def test_one_process_delivers_at_a_time(spool: Spool) -> None:
    name = spool.add(entry("a"))
    with locked(spool.directory / "delivery.lock", 0) as lock:
        assert lock is not None
        delivery = spool.deliver(Server(), seconds=0.05)
        assert (delivery.left, delivery.reason) == (1, "another process delivers")
        waiting = threading.Thread(target=spool.deliver, args=(Server(),), kwargs={"through": name})
        waiting.start()
        (spool.directory / "queue" / name).unlink()
        waiting.join(60)
        assert not waiting.is_alive()


def test_who_waits_for_a_delivery_that_fails_does_not_try_it_again(spool: Spool) -> None:
    names = [spool.add(entry(text)) for text in "ab"]
    is_sent, goes_on = threading.Event(), threading.Event()

    def send(_: Entry) -> Outcome:
        is_sent.set()
        goes_on.wait(60)
        return UNAVAILABLE

    server = Server()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(spool.deliver, send)
        is_sent.wait(60)
        second = pool.submit(spool.deliver, server, through=names[1])
        time.sleep(0.05)  # it begins to wait
        goes_on.set()
        assert first.result(60).left == second.result(60).left == 2
    assert (second.result().reason, server.asked) == (UNAVAILABLE.reason, 0)
    assert spool.deliver(server).delivered == 2


def test_what_a_delivery_says_of_the_server_is_read_as_a_whole(spool: Spool) -> None:
    spool.add(entry("a"))
    spool.server.fail("away")
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(lambda: [spool.server.fail("away") for _ in range(500)])
        while not written.done():
            assert spool.server.failure() == "away"
    assert list((spool.directory / "incoming").iterdir()) == []


def test_a_child_that_was_forked_meanwhile_keeps_no_lock(tmp_path: Path) -> None:
    code = """
import os, sys, time
from itertools import chain, repeat
from pathlib import Path
from agent_run_log._locks import locked
with locked(Path(sys.argv[1]), 0):
    child = os.fork()
    if child == 0:
        time.sleep(600)
    print(child, flush=True)
    os.kill(os.getpid(), 9)
"""
    command = [sys.executable, "-c", code, tmp_path / "lock"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.wait(60)
        try:
            with locked(tmp_path / "lock", 60) as lock:
                assert lock is not None
        finally:
            os.kill(child, 9)


def test_what_a_killed_process_has_not_finished_is_removed(spool: Spool) -> None:
    spool.add(entry("a"))
    old, new = (spool.directory / "incoming" / name for name in ("old", "new"))
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    spool.deliver(Server())
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize(
    ("env", "directory"),
    [
        ({"RUNLOG_SPOOL_DIR": "/somewhere"}, "/somewhere"),
        ({"XDG_STATE_HOME": "/state"}, "/state/agent-run-log/spool"),
        ({"XDG_STATE_HOME": "state", "HOME": "/home/me"}, "/home/me/.local/state/agent-run-log/spool"),
        ({"HOME": "/home/me"}, "/home/me/.local/state/agent-run-log/spool"),
    ],
)
@pytest.mark.skipif(sys.platform == "darwin", reason="of the XDG directories")
def test_where_the_spool_is(env: dict[str, str], directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert default_directory() == Path(directory)


def test_the_spool_imports_the_standard_library_alone() -> None:
    code = "import sys, agent_run_log._spool; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "agent_run_log" in loaded
    assert not loaded & {"httpx", "anyio", "certifi", "httpcore", "app"}


_DETAIL = json.dumps({"detail": [{"loc": ["body", "status"], "msg": "wrong"}]}).encode()


@pytest.mark.parametrize(
    ("status", "body", "verdict", "reason"),
    [
        (204, b"", Verdict.ACCEPTED, ""),
        (422, _DETAIL, Verdict.REFUSED, "the server answered 422: body.status: wrong"),
        (413, b'{"detail": "too large"}', Verdict.REFUSED, "the server answered 413: too large"),
        *((status, b"<html>", Verdict.UNAVAILABLE, None) for status in (408, 425, 429, 502, 503, 504)),
        *(
            (status, b"", Verdict.UNEXPECTED, None)
            for status in (200, 301, 401, 403, 404, 405, 421, 500, 501)
        ),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, verdict: Verdict, reason: str | None) -> None:
    outcome = answered(status, {"Run-Id": "an id"}, body)
    assert outcome.verdict is verdict
    assert outcome.reason == (f"the server answered {status}" if reason is None else reason)
    assert outcome.run_id == ("an id" if status == 204 else None)


@pytest.mark.parametrize(
    ("header", "is_expected"),
    [
        ("7", lambda seconds: seconds == 7),
        ("Wed, 21 Oct 2015 07:28:00 GMT", lambda seconds: seconds == 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", lambda seconds: seconds > 1e9),
        ("soon", lambda seconds: seconds == 0),
        ("-1", lambda seconds: seconds == 0),
    ],
)
def test_how_long_the_server_asks_to_be_left_alone(header: str, is_expected: Callable[[float], bool]) -> None:
    assert is_expected(answered(503, {"Retry-After": header}, b"").retry_after)
