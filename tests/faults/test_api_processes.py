"""API processes that are killed, asked to end, or kept busy by clients that never finish."""

import asyncio
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from app.embedded.ports import becomes_free
from app.embedded.postgres import Postgres
from support.background import HANG, Background
from support.load import PATH, Check, Load, UnderLoad, under_way
from support.processes import free_port, served, wait_until_started

HEAD = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
ENDLESS = ((HEAD, b"X-More: 1\r\n"), (HEAD + b"Content-Length: 1000000\r\n\r\n", b" "))


def test_a_killed_api_process_is_replaced(
    postgres: Postgres, check: Check, under_load: UnderLoad, tmp_path: Path
) -> None:
    with under_load() as (server, load):
        for started, victim in enumerate(server.api_processes(), start=3):
            victim.kill()
            back_after = load.seconds_until_acknowledged(time.monotonic())
            wait_until_started(started, tmp_path / "serve.log")
            load.wait_for(200)
        check(load, postgres.url, "each of two API processes killed in turn", back_after=back_after)


def test_the_process_that_all_are_copies_of_is_killed(
    postgres: Postgres, check: Check, under_load: UnderLoad, tmp_path: Path
) -> None:
    with under_load() as (server, load):
        replaced = server.api_processes()
        copied = replaced[0].parent()
        assert copied is not None
        assert copied.pid != server.process.pid
        copied.kill()
        wait_until_started(4, tmp_path / "serve.log")
        assert all(process.is_running() for process in replaced)
        load.wait_for(200)
        check(load, postgres.url, "the process killed of which the API processes are copies")
    assert psutil.wait_procs(replaced, HANG)[1] == []


def test_a_killed_server_takes_its_processes_along(
    postgres: Postgres, background: Background, check: Check, tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "serve.log"
    with (
        served(env={}, log=log, workers=2, port=port) as server,
        under_way(Load(server.url, background)) as load,
    ):
        orphans = server.api_processes()
        server.process.kill()
        server.process.wait()
        assert psutil.wait_procs(orphans, HANG)[1] == []
        assert becomes_free(port, timeout=HANG)
        with served(env={}, log=log, port=port):
            back_after = load.seconds_until_acknowledged(time.monotonic())
            load.wait_for(200)
            check(load, postgres.url, "the whole server killed and started again", back_after=back_after)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_asked_to_end_answers_all_that_it_stores(
    postgres: Postgres, background: Background, check: Check, tmp_path: Path, workers: int
) -> None:
    port, log = free_port(), tmp_path / "serve.log"
    with (
        served(env={}, log=log, workers=workers, port=port) as server,
        under_way(Load(server.url, background)) as load,
    ):
        load.wait_for(200)
        server.process.terminate()
        assert server.process.wait(HANG) == 0
        load.end()
        assert background.run(load.stored_without_answer(postgres.url)) == []
        assert "Traceback" not in log.read_text(encoding="utf-8")
        with served(env={}, log=log, port=port):
            fault = f"a server of {workers} API process(es) asked to end (SIGTERM) and started again"
            check(load, postgres.url, fault)


def test_clients_that_never_finish_keep_nobody_waiting(
    postgres: Postgres, background: Background, check: Check, tmp_path: Path
) -> None:
    log = tmp_path / "serve.log"
    with served(env={}, log=log) as server, under_way(Load(server.url, background)) as load:
        dribbles = [background.start(dribble(server.url, *endless)) for endless in ENDLESS * 100]
        load.wait_for(500)
        assert not any(dribbling.done() for dribbling in dribbles)
        check(load, postgres.url, "200 connections whose clients never finish a request")
        server.process.terminate()
        # They get ten seconds to finish, and are hung up on quietly.
        assert server.process.wait(HANG) == 0
    assert "Traceback" not in log.read_text(encoding="utf-8")


async def dribble(url: str, start: bytes, more: bytes) -> None:
    """Send `start`, then `more` now and then, for as long as the server lets us."""
    address = urlsplit(url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(start)
    while not writer.is_closing():
        writer.write(more)
        await asyncio.sleep(0.5)
    writer.close()
