"""FastAPI with an OpenAPI document and an `Allow` header that say all there is."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from app.api.request_context import REQUEST_ID_HEADER, request_id_of
from app.api.strict_route import StrictRequest
from app.schemas.storable import document_storable_json

DirectEndpoint = Callable[[Request], Awaitable[Response]]


class Application(FastAPI):
    """Documents what JSON can be stored, and answers 405 with every method of the path."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.add_exception_handler(405, _method_not_allowed)
        self._direct: dict[tuple[str, str], DirectEndpoint] = {}

    def serve_directly(self, method: str, path: str, endpoint: DirectEndpoint) -> None:
        """Answer `method` on exactly `path` by `endpoint`, past routing and middleware.

        Those cost more than recording a run does. The endpoint answers its own errors.
        """
        self._direct[method, path] = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            endpoint = self._direct.get((scope["method"], scope["path"]))
            if endpoint is not None:
                await _serve(endpoint, scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """FastAPI's document with the component that JSON fields refer to."""
        if self.openapi_schema is None:
            self.openapi_schema = document_storable_json(super().openapi())
        return self.openapi_schema


async def _serve(endpoint: DirectEndpoint, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        response = await endpoint(StrictRequest(scope, receive))
    except ClientDisconnect:  # before its request was whole: there is nobody to answer
        return
    headers = [*response.raw_headers, (REQUEST_ID_HEADER, request_id_of(scope))]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def _method_not_allowed(request: Request, error: Exception) -> Response:
    # Starlette names the methods of the first route of the path only.
    allowed = {
        method.upper()
        for template, methods in request.app.openapi()["paths"].items()
        if compile_path(template)[0].match(request.url.path)
        for method in methods
    }
    headers = {"Allow": ", ".join(sorted(allowed))} if allowed else None
    return await http_exception_handler(request, HTTPException(405, "Method Not Allowed", headers))
