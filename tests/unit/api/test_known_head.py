"""A connection's later reports are taken as its first one was, whether their head is known or parsed."""

import asyncio
import re
from typing import Any, NamedTuple
from unittest.mock import Mock
from uuid import UUID

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from app.api import http_protocol
from app.api.http_protocol import HttpProtocol
from app.api.known_head import MOST_BYTES

BODY = b'{"agent_id": "sage", "status": "success"}'
LONG_BODY = BODY.replace(b"sage", b"s" * 200)
LINES = (
    b"POST /api/v1/internal/agent-run-log HTTP/1.1",
    b"Host: localhost",
    b"Content-Type: application/json",
    b"Content-Length: %d",
    b"User-Agent: agents/1.0",
)

pytestmark = pytest.mark.anyio


def report(body: bytes = BODY, *lines: bytes, length: bytes | None = None) -> bytes:
    """A report on the wire, with these lines in place of those of its head of the same beginning."""
    own = {line.split(b":")[0].lower(): line for line in (*LINES, *lines)}
    head = b"\r\n".join((*own.values(), b"", b""))
    return head.replace(b"%d", b"%d" % len(body) if length is None else length) + body


class Outcome(NamedTuple):
    """What became of what a client sent."""

    submitted: list[str]
    to_application: list[tuple[str, list[tuple[bytes, bytes]]]]
    answered: bytes
    closed: bool


class Application:
    """Notes the requests that reach it."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, list[tuple[bytes, bytes]]]] = []

    async def __call__(self, scope: Any, _receive: object, _send: object) -> None:
        self.requests.append((scope["path"], scope["headers"]))


def connection(application: Any = Application()) -> tuple[HttpProtocol, Mock]:  # noqa: B008
    """A protocol with the transport that it writes to; its writer records nothing."""
    config = Config(application, interface="asgi3", host="127.0.0.1")
    config.load()
    protocol = HttpProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    transport = Mock(is_closing=Mock(return_value=False))
    protocol.connection_made(transport)
    return protocol, transport


@pytest.fixture(autouse=True)
def writer(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Takes the runs in place of the database."""
    made = Mock()
    monkeypatch.setattr(http_protocol, "get_writer", lambda: made)
    return made


async def knows_head_of(writer: Mock, first: bytes) -> bool:
    """Whether a connection whose first report this is has no need to parse `report()`."""
    protocol, _ = connection()
    protocol.data_received(first)
    await turns()
    writer.submit.call_args.args[1].set_result(UUID(int=0))
    parser = protocol.parser = Mock(spec_set=["feed_data"])
    protocol.data_received(report(LONG_BODY))
    protocol.connection_lost(None)
    return not parser.feed_data.called


async def turns() -> None:
    """Let what was scheduled go on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def outcome(writer: Mock, first: tuple[bytes, ...], then: tuple[bytes, ...]) -> Outcome:
    """Of what a connection gets `then`, after reports that are answered."""
    application = Application()
    protocol, transport = connection(application)
    for data in first:
        protocol.data_received(data)
        writer.submit.call_args.args[1].set_result(UUID(int=0))
    writer.reset_mock()
    transport.reset_mock()
    for data in then:
        protocol.data_received(data)
    await turns()
    runs = [call.args[0] for call in writer.submit.call_args_list]
    for call in writer.submit.call_args_list:
        call.args[1].set_result(UUID(int=1))
    await turns()
    written = b"".join(call.args[0] for call in transport.write.call_args_list)
    closed = transport.close.called
    protocol.connection_lost(None)
    return Outcome(
        [f"{run.agent_id} {run.status} {run.idempotency_key}" for run in runs],
        application.requests,
        re.sub(rb"x-request-id: [0-9a-f]{32}", b"", written),
        closed,
    )


SENT = {
    "the same": (report(),),
    "a longer body": (report(LONG_BODY),),
    "no body": (report(b""),),
    "a body that is no run": (report(b'{"agent_id": 1}'),),
    "a body in a part of its own": (report()[: -len(BODY)], BODY),
    "a length in two parts": (report()[:110], report()[110:]),
    "a body in two parts": (report()[:-5], report()[-5:]),
    "two at once": (report() + report(LONG_BODY),),
    "one and a half at once": (report() + report()[:50],),
    "a body longer than its length": (report(length=b"%d" % (len(BODY) - 2)),),
    "a length beyond the limit": (report(length=b"999999999"),),
    "a body beyond the limit": (report(b" " * 2_000_000),),
    "a length of many digits": (report(length=b"1" * 30),),
    "a length with a zero before": (report(length=b"0%d" % len(BODY)),),
    "a length that is none": (report(length=b"+%d" % len(BODY)),),
    "a length without digits": (report(length=b""),),
    "a length of other digits": (report(length="٤١".encode()),),
    "a space behind the length": (report(length=b"%d " % len(BODY)),),
    "a line behind the length": (report(length=b"%d\r\nContent-Encoding: gzip" % len(BODY)),),
    "chunks": (report(BODY, b"Transfer-Encoding: chunked"),),
    "another host": (report(BODY, b"Host: pages.example"),),
    "an origin": (report(BODY, b"Origin: https://pages.example"),),
    "another path": (report().replace(b"agent-run-log", b"agent-run-lag"),),
    "another method": (report().replace(b"POST", b"PUT"),),
    "an upgrade": (report(BODY, b"Connection: upgrade", b"Upgrade: h2c"),),
    "its last": (report(BODY, b"Connection: close"),),
    "a key": (report(BODY, b"Idempotency-Key: k1"),),
    "a request id": (report(BODY, b"X-Request-ID: r1"),),
    "no HTTP": (b"\x16\x03\x01" + report(),),
    "lines before it": (b"\r\n\r\n" + report(),),
}


@pytest.mark.parametrize("then", SENT.values(), ids=SENT.keys())
async def test_what_comes_later_is_taken_as_if_it_came_first(writer: Mock, then: tuple[bytes, ...]) -> None:
    at_first = await outcome(writer, (), then)
    assert await outcome(writer, (report(),), then) == at_first
    assert await outcome(writer, (report(LONG_BODY), report()), then) == at_first


async def test_a_connection_knows_the_head_that_its_first_report_had(writer: Mock) -> None:
    assert await knows_head_of(writer, report())
    assert not await knows_head_of(writer, report().replace(b"Content-Length", b"content-length"))


@pytest.mark.parametrize(
    "line", [b"Idempotency-Key: k1", b"X-Request-ID: r1", b"X-Long: " + b"a" * MOST_BYTES]
)
async def test_a_head_that_is_long_or_varies_is_not_kept(writer: Mock, line: bytes) -> None:
    protocol, _ = connection()
    protocol.data_received(report(BODY, line))
    await turns()
    assert writer.submit.called
    assert protocol._known_head is None
    protocol.connection_lost(None)


async def test_a_body_that_looks_like_a_report_is_none(writer: Mock) -> None:
    """Else its author could choose a head that was never looked at."""
    inner = report(BODY, b"Host: pages.example")
    outer = report(b'{"agent_id": "sage", "status": "%s"}' % inner)
    for place in (outer.index(inner), outer.index(inner) + 1, len(outer) - len(inner)):
        protocol, _ = connection()
        protocol.data_received(outer[:place])
        protocol.data_received(outer[place:])
        assert protocol._known_head is None
        protocol.connection_lost(None)
    assert not writer.submit.called
