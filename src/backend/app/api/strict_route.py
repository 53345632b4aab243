"""Routes whose JSON bodies are bounded and read by our own strict parser, and whose paths take any id.

FastAPI's reading accepts NaN and lone surrogates, and answers 400 where the contract says 422.
"""

import json
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.convertors import Convertor, register_url_convertor

from app.api.content_coding import decoded, too_large
from app.config import get_settings
from app.kit import strict_json


class _AnyConvertor(Convertor[str]):
    """`{name:any}` in a path: any text. Starlette's `path` ends at a line break."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("any", _AnyConvertor())


class StrictRequest(Request):
    """A request whose body is bounded and strict."""

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body's chunks, decoded. Raises HTTP 413 over the limit, before it is read where it says so."""
        limit = get_settings().max_body_bytes
        declared = self.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise too_large(limit)
        encoding = ",".join(self.headers.getlist("content-encoding"))
        async for chunk in decoded(self._received(limit), encoding, limit):
            yield chunk

    async def _received(self, limit: int) -> AsyncGenerator[bytes, None]:
        received = 0
        async for chunk in super().stream():
            received += len(chunk)
            if received > limit:
                raise too_large(limit)
            yield chunk

    async def json(self) -> Any:
        """The body's value. What is wrong with it goes the way of FastAPI's own JSON errors."""
        try:
            return strict_json.loads(await self.body())
        except strict_json.StrictJSONError as error:
            raise json.JSONDecodeError(error.msg, "", error.pos) from error


class StrictRoute(APIRoute):
    """Pass as `route_class` to an `APIRouter`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's hook around a route's handler."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return handle_strictly
