"""Errors for readers: a page in place of JSON, for a browser that asked for a page."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.negotiation import preferred
from app.web.rendering import render

_JSON, _HTML = "application/json", "text/html"
_ADVICE: Mapping[int, str] = {
    404: "The address may be misspelt, or what it named was removed.",
    422: "The address holds a value that cannot be read.",
    503: "It is tried again with the next load. What was answered with 204 is stored.",
}
_KEPT = ("retry-after", "www-authenticate", "allow")


class ErrorPages:
    """ASGI middleware: errors of pages, which the endpoints and the other middleware answer as JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def send_or_hold(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_json_error(message) and _wants_page(scope):
                held.append(message)
            elif held:
                held.append(message)
                if not message.get("more_body"):
                    await _send_page(scope, held, receive, send)
            else:
                await send(message)

        await self._app(scope, receive, send_or_hold)


def _wants_page(scope: Scope) -> bool:
    return preferred(Headers(scope=scope).get("accept", ""), (_JSON, _HTML)) == _HTML


def _is_json_error(message: Message) -> bool:
    if message["status"] < HTTPStatus.BAD_REQUEST:
        return False
    return Headers(raw=message["headers"]).get("content-type", "").startswith(_JSON)


async def _send_page(scope: Scope, held: list[Message], receive: Receive, send: Send) -> None:
    status = held[0]["status"]
    detail = json.loads(b"".join(message.get("body", b"") for message in held[1:])).get("detail")
    page = render(
        Request(scope),
        "error.html",
        status=status,
        name=HTTPStatus(status).phrase,
        detail=detail if isinstance(detail, str) else "",
        advice=_ADVICE.get(status, ""),
    )
    given = Headers(raw=held[0]["headers"])
    page.headers.update({name: given[name] for name in _KEPT if name in given})
    await page(scope, receive, send)
