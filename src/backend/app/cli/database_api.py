"""The JSON API in this process, on the database of `DATABASE_URL`: no server is needed, and none asked."""

import asyncio
from collections.abc import Mapping
from http.client import HTTPMessage
from types import TracebackType
from typing import Any, Self

import httpx
from fastapi import FastAPI

from app.api.errors import install_refusals
from app.api.internal import agent_run_log, agents, audit, proof, quality, ratings, witnesses
from app.cli.api_client import content_of, encoded, headers_of, target_of
from app.cli.http_post import Answer
from app.config import get_settings
from app.db.plain_errors import plain_errors

_ROUTERS = (
    agent_run_log.router,
    agent_run_log.ids_router,
    proof.router,
    witnesses.router,
    ratings.router,
    quality.router,  # before the agents, whose ids may hold slashes
    agents.router,
    audit.router,
)


class DatabaseApi:
    """The endpoints that commands use, called as a server calls them. Use it in a `with` block."""

    def __enter__(self) -> Self:
        get_settings.cache_clear()  # a `runlog up` that was started again may be elsewhere
        app = FastAPI()
        install_refusals(app)
        for router in _ROUTERS:
            app.include_router(router)
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://database", trust_env=False
        )
        self._runner = asyncio.Runner()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.close()  # with it end the loop's connections to the database

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: Any = None,
        accept: str = "application/json",
    ) -> bytes:
        """As `Api` has it; `DatabaseError` too, in one plain sentence, and `ConfigError`."""
        asked = self._client.request(
            method, target_of(path, query), content=encoded(body), headers=headers_of(accept, body)
        )
        with plain_errors():
            response = self._runner.run(asked)
        headers = HTTPMessage()
        for name, value in response.headers.items():
            headers[name] = value
        answer = Answer(response.status_code, response.reason_phrase, response.content, headers)
        return content_of(answer, "the API", accept)
