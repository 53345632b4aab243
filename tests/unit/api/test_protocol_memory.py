"""A connection that is gone leaves nothing behind that only a collection would find."""

import asyncio
import gc
import weakref
from typing import Any
from unittest.mock import Mock

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from app.api import http_protocol
from app.api.bounded_protocol import BoundedProtocol
from app.api.http_protocol import HttpProtocol

HEAD = (
    b"POST /api/v1/internal/agent-run-log HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
)
BODY = b'{"agent_id": "sage", "status": "success"}'

pytestmark = pytest.mark.anyio


def _app(*_: Any) -> None:
    """Never called: the requests are reports."""


@pytest.mark.parametrize("ending", [None, ConnectionResetError()])
@pytest.mark.parametrize("left_out", [0, 5])
async def test_it_is_freed_at_once(
    monkeypatch: pytest.MonkeyPatch, left_out: int, ending: Exception | None
) -> None:
    writer = Mock()
    monkeypatch.setattr(http_protocol, "get_writer", lambda: writer)
    config = Config(_app, interface="asgi3")
    config.load()
    protocol = HttpProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    transport = Mock(is_closing=Mock(return_value=False))
    protocol.connection_made(transport)
    whole = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    protocol.data_received(whole[: len(whole) - left_out])
    if left_out:
        assert BoundedProtocol.incomplete.bytes > 0
    else:
        writer.submit.call_args.args[1].set_result(None)
    freed = weakref.ref(protocol)
    gc.disable()
    try:
        transport.is_closing.return_value = True
        protocol.connection_lost(ending)
        writer.reset_mock()
        transport.reset_mock()
        del protocol
        assert freed() is None
        assert BoundedProtocol.incomplete.bytes == 0
    finally:
        gc.enable()
