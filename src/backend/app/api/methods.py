"""The methods that every path has: HEAD as GET has it (RFC 9110, 9.3.2), and OPTIONS; `Allow` for others."""

from collections.abc import Sequence

from fastapi import Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import Response
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def methods_of(routes: Sequence[BaseRoute], scope: Scope) -> list[str]:
    """The methods of the path in `scope`, sorted; empty where there is no such path."""
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for route in iter_route_contexts(routes):
        if route.matches(scope)[0] is not Match.NONE:
            # One with the status 405 refuses, for its path alone, methods that others take.
            found[getattr(route, "status_code", None) != 405].update(getattr(route, "methods", None) or ())
    methods = found[True] - found[False]
    if "GET" in methods:
        methods.add("HEAD")
    return sorted({*methods, "OPTIONS"}) if methods else []


async def method_not_allowed(request: Request, _: Exception) -> Response:
    """A 405 with every method of the path, of which Starlette names those of the first route only."""
    allowed = methods_of(request.app.routes, request.scope)
    return await http_exception_handler(
        request, HTTPException(405, "Method Not Allowed", {"Allow": ", ".join(allowed)})
    )


class CommonMethods:
    """ASGI middleware that answers HEAD by GET, and OPTIONS by the methods of the path."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        method = scope["method"] if scope["type"] == "http" else None
        if method == "HEAD":

            async def send_head(message: Message) -> None:
                await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

            await self._app({**scope, "method": "GET"}, receive, send_head)
        elif method == "OPTIONS" and (allowed := methods_of(self._routes, scope)):
            answer = Response(status_code=204, headers={"Allow": ", ".join(allowed)})
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)
