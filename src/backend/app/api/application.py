"""FastAPI with an OpenAPI document and an `Allow` header that say all there is."""

from typing import Any

from fastapi import FastAPI

from app.api.methods import CommonMethods, method_not_allowed
from app.kit.storable import document_storable_json


class Application(FastAPI):
    """Documents what JSON can be stored, and answers HEAD, OPTIONS and 405 for every path."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.add_exception_handler(405, method_not_allowed)
        self.add_middleware(CommonMethods, self.routes)

    def openapi(self) -> dict[str, Any]:
        """FastAPI's document with the component that JSON fields refer to."""
        if self.openapi_schema is None:
            self.openapi_schema = document_storable_json(super().openapi())
        return self.openapi_schema
