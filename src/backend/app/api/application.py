"""FastAPI with an OpenAPI document and an `Allow` header that say all there is."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from app.kit.storable import document_storable_json


class Application(FastAPI):
    """Documents what JSON can be stored, and answers 405 with every method of the path."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.add_exception_handler(405, _method_not_allowed)

    def openapi(self) -> dict[str, Any]:
        """FastAPI's document with the component that JSON fields refer to."""
        if self.openapi_schema is None:
            self.openapi_schema = document_storable_json(super().openapi())
        return self.openapi_schema


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
