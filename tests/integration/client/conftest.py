"""A server that listens to the client, and a spool of the test's own."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_run_log import _courier, _threads, _transport
from agent_run_log._courier import COURIER
from agent_run_log._spool import Spool
from support.reporting import Listener


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spool]:
    """Where the client keeps what it cannot deliver. It leaves nothing behind for the next test."""
    monkeypatch.setenv("RUNLOG_SPOOL_DIR", str(tmp_path / "spool"))
    # A test that wants the thread to deliver says so.
    monkeypatch.setattr(_courier, "FIRST_PAUSE_SECONDS", 3600.0)
    yield Spool()
    COURIER._is_ending.set()
    COURIER.forget()
    for client in _transport._clients.values():
        client.close()
    _transport._clients.clear()


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """The server that reports go to."""
    with Listener() as server:
        server.headers = {"Run-Id": "an-id"}
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("RUNLOG_URL", f"http://127.0.0.1:{server.server_port}")
        yield server
        for threads in (1, _threads.THREADS):  # they send what is under way
            _threads.pool(threads).shutdown()
        _threads.pool.cache_clear()
        server.shutdown()
