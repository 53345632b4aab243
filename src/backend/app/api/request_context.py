"""A request id on every response and on every log event of the request."""

import re
from itertools import count
from secrets import token_hex

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID_HEADER = b"x-request-id"
_ACCEPTABLE = re.compile(rb"[\w.:-]{1,128}")


_process = token_hex(8).encode()
_numbers = count(1)


def request_id_of(given: bytes | None) -> bytes:
    """The caller's `X-Request-ID` where it is plain, else a new one."""
    if given is not None and _ACCEPTABLE.fullmatch(given):
        return given
    return b"%s%016x" % (_process, next(_numbers))


class RequestContext:
    """ASGI middleware that binds the request's id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(dict(scope["headers"]).get(REQUEST_ID_HEADER))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID_HEADER, request_id)]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
            await self._app(scope, receive, send_with_id)
