"""The stream of changes: it ends with its readers and with the server, and pages follow it."""

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, expect

from support.browser import TIMEOUT_MS, visiting
from support.processes import Served, eventually, served

REPORTS = "/api/v1/internal/agent-run-log"
RUN = {"agent_id": "sage", "status": "success", "actions_taken": {"summary": "Fixed it"}}
STREAMS = 100

expect.set_options(timeout=TIMEOUT_MS)


@contextmanager
def streaming(site: Served) -> Iterator[Iterator[dict[str, object]]]:
    """What a stream of `site` says, message by message."""
    with httpx.stream("GET", f"{site.url}/live", timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield (json.loads(line[len("data: ") :]) for line in answer.iter_lines() if line.startswith("data: "))


def connect(site: Served) -> socket.socket:
    """A reader who asks for the stream and reads its beginning only."""
    port = int(site.url.rpartition(":")[2])
    reader = socket.create_connection(("127.0.0.1", port))
    reader.sendall(b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert b" 200 " in reader.recv(100)
    return reader


def test_a_stream_names_the_topic_that_changed(site: Served) -> None:
    assert httpx.post(site.url + REPORTS, json=RUN).status_code == 204
    with streaming(site) as messages:
        before = next(messages)
        assert httpx.post(site.url + REPORTS, json=RUN).status_code == 204
        after = next(messages)
    assert isinstance(before["versions"], dict)
    assert isinstance(after["versions"], dict)
    changed = {topic for topic, version in after["versions"].items() if before["versions"][topic] != version}
    assert changed == {"runs"}


def test_a_stream_says_nothing_of_what_is_internal(site: Served) -> None:
    with streaming(site) as messages:
        assert next(messages).keys() == {"versions", "level", "attention", "pace"}


def test_readers_that_leave_leave_nothing_behind(site: Served) -> None:
    server = psutil.Process(site.process.pid)
    connect(site).close()
    assert eventually(lambda: not _readers(server))
    files, threads = server.num_fds(), server.num_threads()
    for _ in range(10):
        with ExitStack() as readers:
            for _ in range(STREAMS):
                readers.enter_context(connect(site))
    assert eventually(lambda: not _readers(server) and server.num_fds() <= files + 2)
    assert server.num_threads() <= threads + 1


def _readers(server: psutil.Process) -> list[object]:
    own = {listening.laddr.port for listening in server.net_connections() if listening.status == "LISTEN"}
    return [each for each in server.net_connections() if each.laddr.port in own and each.raddr]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_that_is_told_to_end_ends_its_streams(
    module_database: str, tmp_path: Path, workers: int
) -> None:
    env = {"DATABASE_URL": module_database, "CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}
    with served(env=env, log=tmp_path / "log", workers=workers) as server, ExitStack() as readers:
        for _ in range(5):
            readers.enter_context(connect(server))
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
    assert "Cancel" not in (tmp_path / "log").read_text()


def test_a_page_says_when_its_server_is_away_and_follows_it_again(
    browser: Browser, module_database: str, tmp_path: Path
) -> None:
    env = {"DATABASE_URL": module_database, "CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}
    with served(env=env, log=tmp_path / "log") as first, visiting(browser, first.url) as visitor:
        page = visitor.open("/")
        expect(page.locator("#live")).to_have_text("live")
        first.process.terminate()
        first.process.wait(30)
        expect(page.locator("#live")).to_contain_text("stale for")
        port = int(first.url.rpartition(":")[2])
        with served(env=env, log=tmp_path / "log", port=port) as second:
            run = {**RUN, "agent_id": "nova", "actions_taken": {"summary": "While you were away"}}
            assert httpx.post(second.url + REPORTS, json=run).status_code == 204
            expect(page.locator("#live")).to_have_text("live")
            expect(page.get_by_text("While you were away")).to_be_visible()
        visitor.errors.clear()  # the browser tells of the connections that failed


def test_a_tab_in_the_background_follows_when_it_is_looked_at(browser: Browser, site: Served) -> None:
    with visiting(browser, site.url) as visitor:
        hidden = visitor.open("/")
        expect(hidden.locator("#live")).to_have_text("live")
        hidden.evaluate("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
        loads: list[str] = []
        hidden.on("request", lambda request: loads.append(request.url))
        seen = visitor.open("/")
        run = {**RUN, "agent_id": "lyra", "actions_taken": {"summary": "Wrote the digest"}}
        assert httpx.post(site.url + REPORTS, json=run).status_code == 204
        expect(seen.get_by_text("Wrote the digest")).to_be_visible()
        assert loads == []
        hidden.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
        expect(hidden.get_by_text("Wrote the digest")).to_be_visible()
