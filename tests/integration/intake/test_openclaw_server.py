"""A real server takes OpenClaw's events while its database is away, and records them by itself later."""

import asyncio
import json
import socket
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from support.background import Background
from support.database import query, until_it_is
from support.openclaw import body
from support.processes import eventually, serving
from support.proxy import proxied

PATH = "/api/v1/internal/openclaw/cron"


@pytest.mark.parametrize(("leave", "come_back"), [("go_away", "come_back"), ("stall", "resume")])
def test_events_that_came_without_a_database_are_recorded_when_it_is_back(
    database: str, tmp_path: Path, leave: str, come_back: str
) -> None:
    events = [body(f"plugin-cron_finished-0{number}") for number in ("1-ok-agentTurn", "4-error-command")]
    env, runs = {"RUNLOG_DATA_DIR": str(tmp_path)}, "SELECT count(*) FROM agent_run_log"
    with closing(Background()) as background, background.within(proxied(database)) as (proxy, url):

        async def send(*sent: object) -> list[int]:
            async with httpx.AsyncClient(timeout=60) as client:
                answers = await asyncio.gather(*(client.post(server + PATH, json=event) for event in sent))
            return [answer.status_code for answer in answers]

        with serving(env=env | {"DATABASE_URL": url}, log=tmp_path / "serve.log") as server:
            assert background.run(send(events[0])) == [204]
            background.call(getattr(proxy, leave))
            assert background.run(send(*events, *events)) == [202] * 4
            background.call(getattr(proxy, come_back))
            background.run(until_it_is(database, runs, 2))
            assert eventually(lambda: not list((tmp_path / "openclaw").glob("*.json")))
        assert background.run(query(database, runs)) == 2


def test_requests_that_http_itself_makes_odd(database: str, tmp_path: Path) -> None:
    finished = json.dumps(body("webhook-ok-command")).encode()
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(finished), finished)
    requests = [
        b"Content-Length: %d\r\n\r\n%s" % (len(finished), finished),
        b"Transfer-Encoding: chunked\r\n\r\n" + chunked,
        b"Content-Length: 900000000\r\n\r\n" + finished,
        b"Content-Length: 0\r\n\r\n",
        b"\r\n",
    ]
    with serving(env={}, log=tmp_path / "serve.log") as server:
        address = urlsplit(server)
        for request in requests:
            with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
                head = f"POST {PATH} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n"
                connection.sendall(head.encode() + b"Content-Type: application/json\r\n" + request)
                assert connection.recv(4096).startswith(b"HTTP/1.1 204 ")
    assert "Traceback" not in (tmp_path / "serve.log").read_text(encoding="utf-8")


def test_openclaw_has_a_token_of_its_own_where_reports_need_one(database: str, tmp_path: Path) -> None:
    event = body("webhook-ok-command")
    env = {"RUNLOG_REPORTS_NEED_TOKEN": "true", "RUNLOG_TOKEN": "the-servers-own"}

    def answers(url: str) -> list[int]:
        bearers = ("gateway", "the-servers-own", "wrong")
        sent = [httpx.post(url + PATH, json=event, headers={"Authorization": f"Bearer {b}"}) for b in bearers]
        return [each.status_code for each in (*sent, httpx.post(f"{url}{PATH}/", json=event))]

    with serving(env=env, log=tmp_path / "own.log") as url:
        assert answers(url) == [401, 204, 401, 401]
    with serving(env=env | {"RUNLOG_OPENCLAW_TOKEN": "gateway"}, log=tmp_path / "both.log") as url:
        assert answers(url) == [204, 204, 401, 401]
